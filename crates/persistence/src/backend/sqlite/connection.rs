//! A connection to the database file, and its transactions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::ConnectionError::{BadConnection, CouldntSetupConfiguration};
use diesel::ConnectionResult;
use diesel::connection::{AnsiTransactionManager, Connection, SimpleConnection, TransactionManager};
use diesel::result::{Error, QueryResult};
use diesel::sqlite::SqliteConnection;
use futures_util::FutureExt;

use super::Conn;

/// Time that one try of the writer waits for a file that another process has locked. The writer tries again while a
/// caller waits, so the wait of the caller is the limit.
const WRITER_BUSY_TIMEOUT: Duration = Duration::from_millis(50);

/// The access that a connection has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnRole {
    /// Reads only; SQLite refuses writes.
    Reader,
    /// Reads and writes.
    Writer,
}

/// A connection that is replaced if it cannot be rolled back.
pub(super) struct SqliteConn {
    path: PathBuf,
    busy_timeout: Duration,
    role: ConnRole,
    pub(super) inner: Conn,
}

/// Opens the file and sets up the connection.
pub(crate) fn connect(
    path: &Path,
    busy_timeout: Duration,
    role: ConnRole,
) -> ConnectionResult<SqliteConnection> {
    let name = path.to_str().ok_or_else(|| BadConnection("the path is not UTF-8".to_owned()))?;
    let mut conn = SqliteConnection::establish(name)?;
    let setup = format!(
        "PRAGMA busy_timeout = {}; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA query_only = {};",
        busy_timeout.as_millis(),
        role == ConnRole::Reader,
    );
    conn.batch_execute(&setup).map_err(CouldntSetupConfiguration)?;
    use_write_ahead_log(&mut conn, busy_timeout).map_err(CouldntSetupConfiguration)?;
    Ok(conn)
}

/// Switches a new file to the write-ahead log. If several connections do so at the same time, SQLite refuses all but
/// one immediately and ignores the busy timeout, so this function retries. On a file in this mode it only reads the
/// mode.
fn use_write_ahead_log(conn: &mut SqliteConnection, patience: Duration) -> QueryResult<()> {
    const PAUSE: Duration = Duration::from_millis(5);
    let mut waited = Duration::ZERO;
    loop {
        match conn.batch_execute("PRAGMA journal_mode = WAL") {
            Err(_) if waited < patience => {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            switched => return switched,
        }
    }
}

/// Sets the folder of SQLite's temporary files to that of the database: the sorts of large reports, and the journals of
/// statements that change many pages. They are deleted as soon as they are open. The default folders, such as `/tmp`,
/// may be read-only, or too small.
///
/// The setting holds for the process. SQLite chooses another folder if a store of an earlier call is gone.
pub(super) fn use_folder_for_temporary_files(database: &Path) -> ConnectionResult<()> {
    let folder = database.parent().and_then(Path::to_str);
    let folder = folder.ok_or_else(|| BadConnection("the path is not UTF-8".to_owned()))?;
    let mut conn = SqliteConnection::establish(":memory:")?;
    let statement = format!("PRAGMA temp_store_directory = '{}'", folder.replace('\'', "''"));
    // SQLite refuses a folder that it cannot write to.
    conn.batch_execute(&statement)
        .map_err(|error| BadConnection(format!("its folder {folder} cannot be used: {error}")))
}

impl SqliteConn {
    pub(super) fn open(path: &Path, busy_timeout: Duration, role: ConnRole) -> ConnectionResult<Self> {
        let inner = Conn::new(connect_store(path, busy_timeout, role)?);
        Ok(SqliteConn { path: path.to_owned(), busy_timeout, role, inner })
    }

    /// Begins a transaction that holds the write lock from its start, or a savepoint within a transaction.
    pub(super) fn begin_immediate(&mut self) -> QueryResult<()> {
        AnsiTransactionManager::begin_transaction_sql(&mut self.inner.0, "BEGIN IMMEDIATE")
    }

    /// Commits the transaction; if that fails, rolls it back.
    pub(super) fn commit(&mut self) -> QueryResult<()> {
        let committed = AnsiTransactionManager::commit_transaction(&mut self.inner.0);
        if committed.is_err() {
            self.roll_back();
        }
        committed
    }

    /// Rolls back the transaction. If that fails, the connection is replaced: closing it rolls back.
    pub(super) fn roll_back(&mut self) {
        let undone = AnsiTransactionManager::rollback_transaction(&mut self.inner.0);
        if matches!(undone, Ok(()) | Err(Error::NotInTransaction)) {
            return;
        }
        match connect_store(&self.path, self.busy_timeout, self.role) {
            Ok(conn) => self.inner = Conn::new(conn),
            Err(error) => tracing::warn!(%error, "replacing a broken database connection failed"),
        }
    }
}

/// Opens a connection for the threads of a store.
fn connect_store(path: &Path, busy_timeout: Duration, role: ConnRole) -> ConnectionResult<SqliteConnection> {
    let mut conn = connect(path, busy_timeout, role)?;
    if role == ConnRole::Writer {
        let timeout = format!("PRAGMA busy_timeout = {}", WRITER_BUSY_TIMEOUT.min(busy_timeout).as_millis());
        conn.batch_execute(&timeout).map_err(CouldntSetupConfiguration)?;
    }
    Ok(conn)
}

/// Begins a transaction, or a savepoint within one.
pub(super) fn begin(conn: &mut Conn) -> QueryResult<()> {
    AnsiTransactionManager::begin_transaction(&mut conn.0)
}

/// Commits the innermost transaction or savepoint.
pub(super) fn commit_inner(conn: &mut Conn) -> QueryResult<()> {
    AnsiTransactionManager::commit_transaction(&mut conn.0)
}

/// Rolls back the innermost transaction or savepoint.
pub(super) fn roll_back_inner(conn: &mut Conn) -> QueryResult<()> {
    AnsiTransactionManager::rollback_transaction(&mut conn.0)
}

/// Returns the result of a future that never waits. A statement has ended when its method returns, so the futures of
/// transactions never wait.
pub(super) fn block_on_ready<T, E: From<Error>>(future: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    future.now_or_never().unwrap_or_else(|| Err(E::from(Error::BrokenTransactionManager)))
}
