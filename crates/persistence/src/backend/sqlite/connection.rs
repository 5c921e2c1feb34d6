//! A connection to the file, and transactions on it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::ConnectionError::{BadConnection, CouldntSetupConfiguration};
use diesel::ConnectionResult;
use diesel::connection::{AnsiTransactionManager, Connection, SimpleConnection};
use diesel::result::{Error, QueryResult};
use diesel::sqlite::SqliteConnection;
use diesel_async::{AsyncConnection, TransactionManager};
use futures_util::FutureExt;

use super::Conn;

type Manager = <Conn as AsyncConnection>::TransactionManager;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Reading: SQLite itself refuses anything else.
    Read,
    /// Reading and writing.
    Write,
}

/// A connection that can be replaced when its state is in doubt.
pub(super) struct Line {
    path: PathBuf,
    busy_timeout: Duration,
    purpose: Use,
    pub(super) conn: Conn,
}

/// Opens the file as every connection of ours is set up.
pub(crate) fn connect(
    path: &Path,
    busy_timeout: Duration,
    purpose: Use,
) -> ConnectionResult<SqliteConnection> {
    let name = path.to_str().ok_or_else(|| BadConnection("its path is not UTF-8".to_owned()))?;
    let mut conn = SqliteConnection::establish(name)?;
    let setup = format!(
        "PRAGMA busy_timeout = {}; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA query_only = {};",
        busy_timeout.as_millis(),
        purpose == Use::Read,
    );
    conn.batch_execute(&setup).map_err(CouldntSetupConfiguration)?;
    use_write_ahead_log(&mut conn, busy_timeout).map_err(CouldntSetupConfiguration)?;
    Ok(conn)
}

/// Switches a new file to the write-ahead log. Of several that do so at once SQLite refuses all but one at once,
/// whatever the busy timeout says, so we wait ourselves. On a file that has the log this is a look and no more.
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

impl Line {
    pub(super) fn open(path: &Path, busy_timeout: Duration, purpose: Use) -> ConnectionResult<Self> {
        let conn = Conn::new(connect(path, busy_timeout, purpose)?);
        Ok(Line { path: path.to_owned(), busy_timeout, purpose, conn })
    }

    /// Begins a transaction that holds the write lock from its start, or a savepoint inside of one.
    pub(super) fn begin_immediate(&mut self) -> QueryResult<()> {
        at_once(
            self.conn.spawn_blocking(|conn| {
                AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE")
            }),
        )
    }

    /// Commits. A connection that cannot is left without a transaction, by force if need be.
    pub(super) fn commit(&mut self) -> QueryResult<()> {
        let committed = at_once(Manager::commit_transaction(&mut self.conn));
        if committed.is_err() {
            self.roll_back();
        }
        committed
    }

    /// Undoes the transaction. A connection that cannot is replaced: closing it undoes everything.
    pub(super) fn roll_back(&mut self) {
        let undone = at_once(Manager::rollback_transaction(&mut self.conn));
        if matches!(undone, Ok(()) | Err(Error::NotInTransaction)) {
            return;
        }
        match connect(&self.path, self.busy_timeout, self.purpose) {
            Ok(conn) => self.conn = Conn::new(conn),
            Err(error) => tracing::warn!(%error, "a broken database connection could not be replaced"),
        }
    }
}

/// Begins a transaction, or a savepoint inside of one.
pub(super) fn begin(conn: &mut Conn) -> QueryResult<()> {
    at_once(Manager::begin_transaction(conn))
}

/// Ends the innermost transaction or savepoint, keeping its effects.
pub(super) fn keep(conn: &mut Conn) -> QueryResult<()> {
    at_once(Manager::commit_transaction(conn))
}

/// Ends the innermost transaction or savepoint, undoing its effects.
pub(super) fn undo(conn: &mut Conn) -> QueryResult<()> {
    at_once(Manager::rollback_transaction(conn))
}

/// The result of a future that never waits: with [`super::inline::Inline`] none does.
pub(super) fn at_once<T, E: From<Error>>(future: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    future.now_or_never().unwrap_or_else(|| Err(E::from(Error::BrokenTransactionManager)))
}
