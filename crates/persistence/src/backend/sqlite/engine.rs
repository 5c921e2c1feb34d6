//! Runs transactions on the threads of a database file.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use causerie_domain::ports::StoreError;
use causerie_fair_share::current_requester;
use tokio::sync::oneshot;

use super::Conn;
use super::connection::{ConnRole, SqliteConn, use_folder_for_temporary_files};
use super::job::{Job, TransactionJob};
use super::queue::{Priority, Queue};
use super::threads;
use crate::backend::progress::Wait;
use crate::backend::transaction::{ErasedResult, Mode, Transaction, restore_result, store_closed};
use crate::error::IntoPortError;
use crate::lock::beside;
use crate::private_file;
use crate::settings::{OpenError, StoreSettings};

/// A SQLite file and the threads that serve it. The threads end when this value is dropped and their queues are empty.
#[derive(Debug)]
pub(crate) struct Engine {
    path: PathBuf,
    /// Whether this process created the file.
    is_new: bool,
    wait: Duration,
    writer: Queue,
    readers: Queue,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the file. The file and its folder are created if they are missing.
    pub(crate) fn open(path: &Path, settings: &StoreSettings) -> Result<Self, OpenError> {
        if settings.readers == 0 {
            return Err(OpenError::TooFew("reader"));
        }
        let (path, is_new) = &create_and_canonicalize(path)?;
        let is_new = *is_new;
        use_folder_for_temporary_files(path).map_err(|source| at(path, source))?;
        let open =
            |role| SqliteConn::open(path, settings.busy_timeout, role).map_err(|source| at(path, source));
        let (writer, readers) = (Queue::new(), Queue::new());
        let (conn, jobs) = (open(ConnRole::Writer)?, writer.jobs());
        let mut threads = vec![start("store-writer", path, move || threads::write(conn, &jobs))?];
        for _ in 0..settings.readers {
            let (conn, jobs) = (open(ConnRole::Reader)?, readers.jobs());
            threads.push(start("store-reader", path, move || threads::read(conn, &jobs))?);
        }
        let threads = Mutex::new(threads);
        Ok(Engine { path: path.clone(), is_new, wait: settings.wait_timeout, writer, readers, threads })
    }

    /// Returns the path of the database file, without symbolic links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether this process created the file.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Runs a transaction on one of the threads, on behalf of the requester of the current task. Dropping the future does
    /// not cancel a transaction that has started.
    pub(crate) async fn run<T, F>(
        &self,
        mode: Mode,
        transaction: Transaction<Conn, T, F>,
    ) -> Result<T, F::PortError>
    where
        T: Send + 'static,
        F: IntoPortError,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(TransactionJob::new(mode, transaction, answer));
        restore_result(self.perform(mode, job, answered).await?)
    }

    /// Queues a job and waits for its result.
    async fn perform(
        &self,
        mode: Mode,
        job: Box<dyn Job>,
        mut answered: oneshot::Receiver<ErasedResult>,
    ) -> Result<ErasedResult, StoreError> {
        let queue = match mode {
            Mode::Read | Mode::Snapshot => &self.readers,
            Mode::Write | Mode::PriorityWrite | Mode::LargeWrite | Mode::Serializable => &self.writer,
        };
        let wait = Wait::start(self.wait);
        let priority = Priority::from(mode);
        let waiting = queue.push(current_requester(), priority, job, wait).await?;
        let answer = match wait.for_output(queue.progress(priority), &mut answered).await {
            Ok(answer) => answer,
            Err(refusal) if waiting.cancel() => return Err(refusal),
            // It started in time, and runs to its end.
            Err(_) => answered.await,
        };
        answer.map_err(|_| store_closed())
    }

    /// Refuses the calls that wait for their turn, except for writes of running turns. Later calls wait for the wait timeout
    /// at most.
    pub(crate) fn end_long_waits(&self) {
        self.writer.end_long_waits();
        self.readers.end_long_waits();
    }

    /// Stops the threads after the queued jobs. Closing the connections writes the log back into the file.
    pub(crate) async fn close(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let mut writer = threads;
        let readers = writer.split_off(writer.len().min(1));
        // The writer closes the last connection, which removes the write-ahead log. Connections that are closed at the
        // same time can each leave the removal to the other.
        for (queue, threads) in [(&self.readers, readers), (&self.writer, writer)] {
            queue.stop();
            let ended =
                tokio::task::spawn_blocking(|| threads.into_iter().try_for_each(JoinHandle::join)).await;
            if !matches!(ended, Ok(Ok(()))) {
                tracing::warn!("a store thread panicked");
            }
        }
    }

    /// Fails if no file can be created beside the database: SQLite needs temporary files there.
    pub(crate) async fn check_folder(&self) -> Result<(), StoreError> {
        let path = beside(&self.path, ".probe");
        let written = tokio::task::spawn_blocking(move || {
            let (mut file, _) = private_file::open(&path)?;
            file.write_all(b"x").and_then(|()| std::fs::remove_file(&path))
        });
        match written.await {
            Ok(written) => written.map_err(StoreError::rolled_back),
            Err(panicked) => Err(StoreError::rolled_back(panicked)),
        }
    }

    /// Fails if the writer thread has ended.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.writer.is_closed() { Err(store_closed()) } else { Ok(()) }
    }
}

/// Creates the file if it is missing. Returns its canonical path, so that links to one file use one lock, and whether it
/// was created.
///
/// Only the owner can read the file. SQLite creates the write-ahead log and the shared memory with the permissions of
/// the file; those of an earlier process are reduced, too.
///
/// # Errors
/// The file cannot be created; it has another name, under which another process would use another lock and another
/// write-ahead log; or the write-ahead log of a database that is missing lies beside it: SQLite would write it into the
/// new database.
fn create_and_canonicalize(path: &Path) -> Result<(PathBuf, bool), OpenError> {
    let failed = |source| at(path, source);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
        // SQLite opens files by names in UTF-8.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        if folder.canonicalize().map_err(failed)?.to_str().is_none() {
            return Err(at(path, "the path of its folder is not UTF-8"));
        }
    }
    let log = beside(path, "-wal");
    if !path.exists() && log.metadata().is_ok_and(|log| log.len() > 0) {
        return Err(OpenError::LogWithoutDatabase { path: path.to_owned(), log });
    }
    let is_new = private_file::create(path).map_err(failed)?;
    let path = path.canonicalize().map_err(failed)?;
    let metadata = path.metadata().map_err(failed)?;
    if metadata.is_file() && metadata.nlink() > 1 {
        return Err(OpenError::HardLinks { path, links: metadata.nlink() });
    }
    for suffix in ["-wal", "-shm"] {
        private_file::restrict(&beside(&path, suffix)).map_err(failed)?;
    }
    Ok((path, is_new))
}

fn start(name: &str, path: &Path, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|source| at(path, source))
}

fn at(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> OpenError {
    OpenError::File { path: path.to_owned(), source: source.into() }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use diesel::result::QueryResult;
    use diesel_async::SimpleAsyncConnection;
    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use tempfile::TempDir;

    use super::super::queries;
    use super::*;
    use crate::backend::transaction::transaction;
    use crate::clock::monotonic;
    use crate::error::QueryError;

    fn open(folder: &TempDir) -> Engine {
        open_with_readers(folder, 1)
    }

    pub(in super::super) fn open_with_readers(folder: &TempDir, readers: u32) -> Engine {
        let settings = StoreSettings { readers, ..StoreSettings::new("sqlite://") };
        Engine::open(&folder.path().join("test.db"), &settings).unwrap()
    }

    /// Returns a transaction of these statements.
    fn statements(sql: &str) -> Transaction<Conn, (), QueryError> {
        transaction(sql.to_owned(), |conn: &mut Conn, sql| {
            async move { Ok::<_, QueryError>(conn.batch_execute(&sql).await?) }.boxed()
        })
    }

    /// Blocks the thread of a transaction until the gate is dropped.
    pub(in super::super) struct Gate {
        begun: Arc<AtomicBool>,
        _open: std::sync::mpsc::Sender<()>,
    }

    impl Gate {
        pub(in super::super) fn new() -> (Self, Transaction<Conn, (), QueryError>) {
            let begun = Arc::new(AtomicBool::new(false));
            let (open, closed) = std::sync::mpsc::channel::<()>();
            let closed = Mutex::new(closed);
            let holder = transaction(Arc::clone(&begun), move |_: &mut Conn, begun| {
                begun.store(true, Ordering::Release);
                let _ = closed.lock().unwrap().recv();
                async { Ok::<_, QueryError>(()) }.boxed()
            });
            (Gate { begun, _open: open }, holder)
        }

        /// Waits until the thread is blocked. The runtime stays busy meanwhile, so that a paused clock does not
        /// advance.
        pub(in super::super) async fn held(&self) {
            while !self.begun.load(Ordering::Acquire) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Waits until this number of jobs is queued for the blocked thread.
    pub(in super::super) async fn until_waiting(engine: &Engine, count: usize) {
        while engine.writer.len() != count {
            tokio::task::yield_now().await;
        }
    }

    /// Runs transactions so that they are committed together: the thread is blocked until all of them are queued.
    async fn together(engine: &Engine, steps: &[String]) -> Vec<Result<(), StoreError>> {
        let (gate, holder) = Gate::new();
        let held = engine.run(Mode::Write, holder);
        let rest = async {
            gate.held().await;
            let rest = join_all(steps.iter().map(|sql| engine.run(Mode::Write, statements(sql))));
            let release = async {
                until_waiting(engine, steps.len()).await;
                drop(gate);
            };
            tokio::join!(rest, release).0
        };
        let (held, results) = tokio::join!(held, rest);
        held.unwrap();
        results
    }

    async fn numbers(engine: &Engine) -> Vec<i64> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            number: i64,
        }
        let read = transaction((), |conn: &mut Conn, _| {
            async move {
                let query = diesel::sql_query("SELECT number FROM numbers ORDER BY number");
                let rows: QueryResult<Vec<Row>> = queries::RunQueryDsl::load(query, conn).await;
                Ok::<_, QueryError>(rows?.into_iter().map(|row| row.number).collect())
            }
            .boxed()
        });
        engine.run(Mode::Read, read).await.unwrap()
    }

    fn insert(number: i64) -> String {
        format!("INSERT INTO numbers VALUES ({number}, NULL)")
    }

    #[tokio::test]
    async fn a_failed_job_does_not_affect_the_other_jobs_of_its_batch() {
        let folder = TempDir::new().unwrap();
        let engine = open(&folder);
        let create = "CREATE TABLE numbers (number INTEGER PRIMARY KEY, text TEXT) STRICT";
        engine.run(Mode::Write, statements(create)).await.unwrap();
        let twice = format!("{}; {}", insert(2), insert(1));
        let unreadable = format!("{}; NONSENSE", insert(7));
        let steps = [insert(1), twice, insert(3), unreadable, insert(4)];
        let results = together(&engine, &steps).await;
        let done: Vec<bool> = results.iter().map(Result::is_ok).collect();
        assert_eq!(done, [true, false, true, false, true]);
        assert_eq!(numbers(&engine).await, [1, 3, 4]);
    }

    /// Returns a step that records that it ran.
    pub(in super::super) fn noted<T: Copy + Send + Sync + 'static>(
        log: &Arc<Mutex<Vec<T>>>,
        note: T,
    ) -> Transaction<Conn, (), QueryError> {
        transaction(Arc::clone(log), move |_: &mut Conn, log| {
            log.lock().unwrap().push(note);
            async { Ok::<_, QueryError>(()) }.boxed()
        })
    }

    #[tokio::test]
    async fn writes_of_running_turns_run_before_waiting_writes() {
        let folder = TempDir::new().unwrap();
        let engine = open(&folder);
        let (gate, holder) = Gate::new();
        let log = Arc::default();
        let rest = async {
            gate.held().await;
            let sends = join_all((0..500).map(|_| engine.run(Mode::Write, noted(&log, Mode::Write))));
            let renewal = async {
                until_waiting(&engine, 500).await;
                let renewed = engine.run(Mode::PriorityWrite, noted(&log, Mode::PriorityWrite));
                let release = async {
                    until_waiting(&engine, 501).await;
                    drop(gate);
                };
                tokio::join!(renewed, release).0
            };
            tokio::join!(sends, renewal)
        };
        let (held, (sent, renewed)) = tokio::join!(engine.run(Mode::Write, holder), rest);
        held.and(renewed).unwrap();
        assert!(sent.iter().all(Result::is_ok));
        assert_eq!(log.lock().unwrap().first(), Some(&Mode::PriorityWrite));
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_that_waits_too_long_is_never_run() {
        let folder = TempDir::new().unwrap();
        let engine = open(&folder);
        let (gate, holder) = Gate::new();
        let log = Arc::default();
        let late = async {
            gate.held().await;
            let late = engine.run(Mode::Write, noted(&log, Mode::Write)).await;
            drop(gate);
            late
        };
        let (held, late) = tokio::join!(engine.run(Mode::Write, holder), late);
        held.unwrap();
        assert!(
            late.as_ref().is_err_and(|error| error.is_rolled_back() && !error.is_overloaded()),
            "{late:?}"
        );
        engine.close().await;
        assert_eq!(*log.lock().unwrap(), []);
    }

    #[tokio::test]
    async fn waiting_jobs_are_refused_when_long_waits_end() {
        let folder = TempDir::new().unwrap();
        let engine = open(&folder);
        let (gate, holder) = Gate::new();
        let log = Arc::default();
        let rest = async {
            gate.held().await;
            let waiting = join_all((0..3).map(|_| engine.run(Mode::Write, noted(&log, Mode::Write))));
            let renewal = engine.run(Mode::PriorityWrite, noted(&log, Mode::PriorityWrite));
            let end = async {
                until_waiting(&engine, 4).await;
                engine.end_long_waits();
                until_waiting(&engine, 1).await;
                drop(gate);
            };
            let (waiting, renewal, ()) = tokio::join!(waiting, renewal, end);
            (waiting, renewal)
        };
        let (held, (waiting, renewal)) = tokio::join!(engine.run(Mode::Write, holder), rest);
        held.and(renewal).unwrap();
        assert!(waiting.iter().all(|job| job.as_ref().is_err_and(StoreError::is_overloaded)), "{waiting:?}");
        engine.run(Mode::Write, noted(&log, Mode::Write)).await.unwrap();
        assert_eq!(*log.lock().unwrap(), [Mode::PriorityWrite, Mode::Write]);
    }

    /// Checks that a long queue that is served is no failure, although its last caller waits longer than the wait timeout.
    #[tokio::test]
    async fn callers_wait_while_the_thread_completes_other_transactions() {
        let folder = TempDir::new().unwrap();
        let wait_timeout = Duration::from_secs(1);
        let settings = StoreSettings { wait_timeout, ..StoreSettings::new("sqlite://") };
        let engine = Engine::open(&folder.path().join("test.db"), &settings).unwrap();
        for mode in [Mode::Write, Mode::Read] {
            let busy = || {
                transaction((), |_: &mut Conn, _| {
                    thread::sleep(Duration::from_millis(80));
                    async { Ok::<_, QueryError>(()) }.boxed()
                })
            };
            let started = monotonic();
            let results = join_all((0..40).map(|_| engine.run(mode, busy()))).await;
            assert!(results.iter().all(Result::is_ok), "{mode:?}: {results:?}");
            assert!(started.elapsed() > wait_timeout, "{mode:?}: the queue was too short");
        }
    }

    #[tokio::test]
    async fn a_full_disk_fails_only_the_affected_jobs_and_loses_no_committed_one() {
        let folder = TempDir::new().unwrap();
        let engine = open(&folder);
        let create = "CREATE TABLE numbers (number INTEGER PRIMARY KEY, text TEXT) STRICT";
        engine.run(Mode::Write, statements(create)).await.unwrap();
        // The database may have some pages more, as if the disk had: SQLite ends such a transaction by itself.
        let limit = "PRAGMA max_page_count = 8";
        engine.run(Mode::Write, statements(limit)).await.unwrap();
        let large = "INSERT INTO numbers VALUES (2, hex(zeroblob(100000)))".to_owned();
        let results = together(&engine, &[insert(1), large, insert(3)]).await;
        let done: Vec<bool> = results.iter().map(Result::is_ok).collect();
        assert_eq!(done, [true, false, true]);
        assert!(matches!(results[1], Err(StoreError::Unavailable(_))), "{:?}", results[1]);
        assert_eq!(numbers(&engine).await, [1, 3]);
    }

    #[tokio::test]
    async fn a_locked_file_is_unavailable_until_the_lock_is_released() {
        let folder = TempDir::new().unwrap();
        let settings = StoreSettings { busy_timeout: Duration::ZERO, ..StoreSettings::new("sqlite://") };
        let engine = Engine::open(&folder.path().join("test.db"), &settings).unwrap();
        let create = "CREATE TABLE numbers (number INTEGER PRIMARY KEY, text TEXT) STRICT";
        engine.run(Mode::Write, statements(create)).await.unwrap();

        let mut other = super::super::connect(engine.path(), Duration::ZERO, ConnRole::Writer).unwrap();
        diesel::connection::SimpleConnection::batch_execute(&mut other, "BEGIN IMMEDIATE").unwrap();
        let refused = engine.run(Mode::Write, statements(&insert(1))).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert_eq!(numbers(&engine).await, [0_i64; 0]);
        diesel::connection::SimpleConnection::batch_execute(&mut other, "COMMIT").unwrap();
        engine.run(Mode::Write, statements(&insert(1))).await.unwrap();
        assert_eq!(numbers(&engine).await, [1]);
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let folder = TempDir::new().unwrap();
        let engine = open(&folder);
        let written = engine.run(Mode::Snapshot, statements("CREATE TABLE numbers (number INTEGER)")).await;
        assert!(written.is_err());
        assert_eq!(engine.check().ok(), Some(()));
    }

    /// Checks the journal of a statement that changes many pages, and other temporary files.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn temporary_files_are_in_the_folder_of_the_database() {
        let folder = TempDir::new().unwrap();
        let engine = open(&folder);
        let large = "PRAGMA temp.cache_size = 1; CREATE TEMP TABLE numbers (text TEXT); \
                     INSERT INTO numbers VALUES (hex(zeroblob(1000000))); PRAGMA temp.user_version = 1";
        engine.run(Mode::Write, statements(large)).await.unwrap();
        let open_files = std::fs::read_dir("/proc/self/fd").unwrap();
        let targets = open_files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        let temporary: Vec<_> = targets.filter(|path| path.to_string_lossy().contains("/etilqs_")).collect();
        // Another test of this process may have set its own folder in the meantime.
        let is_outside = |path: &&PathBuf| path.parent() == Some(&std::env::temp_dir());
        assert!(!temporary.is_empty(), "the statements need no temporary file");
        assert_eq!(temporary.iter().find(is_outside), None);
    }
}
