//! Runs transactions in tasks of the runtime that opened the store.
//!
//! A task does not depend on its caller: if the caller is dropped, the transaction runs to its end. A connection's
//! driver runs on the runtime that opened it, which must not be the runtime of a web worker.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use causerie_fair_share::current_requester;
use deadpool::Runtime;
use deadpool::managed::QueueMode;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::job::{Job, TransactionJob};
use super::queues::{Queues, connect};
use super::{Conn, Connector, SET_BEGUN};
use crate::address::PostgresAddress;
use crate::backend::progress::Wait;
use crate::backend::transaction::{Mode, Transaction, restore_result, store_closed};
use crate::clock::monotonic;
use crate::error::{IntoPortError, is_constraint_violation, unavailable};
use crate::settings::{OpenError, StoreSettings};

/// How often a transaction is repeated after a conflict.
const REPEATS: u32 = 4;
/// Pause before the first repetition; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// A PostgreSQL database and its connection pool.
pub(crate) struct Engine {
    connector: Connector,
    pool: Pool<AsyncPgConnection>,
    limits: Limits,
    queues: Queues,
    wait: Duration,
    runtime: Handle,
    tasks: TaskTracker,
}

impl Engine {
    /// Creates the pool. The first transaction opens the first connection.
    pub(crate) fn open(address: PostgresAddress, settings: &StoreSettings) -> Result<Self, OpenError> {
        if settings.connections == 0 {
            return Err(OpenError::TooFew("connection"));
        }
        let runtime = Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
        let wait = Some(settings.wait_timeout);
        let limits = Limits::new(settings);
        let connector = Connector::new(address)?;
        let mut config = ManagerConfig::<AsyncPgConnection>::default();
        // The driver notices when the server closes a connection. A test query would be a round trip for each job.
        config.recycling_method = RecyclingMethod::Fast;
        let connects = connector.clone();
        config.custom_setup = Box::new(move |_| connect_limited(connects.clone(), limits).boxed());
        // The connector has the address.
        let pool = Pool::builder(AsyncDieselConnectionManager::new_with_config("", config))
            .max_size(usize::try_from(settings.connections).unwrap_or(usize::MAX))
            .wait_timeout(wait)
            .create_timeout(wait)
            .recycle_timeout(wait)
            .runtime(Runtime::Tokio1)
            // The connection of the last transaction: its statements are prepared, and its server process is in the caches.
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|source| OpenError::Pool(source.into()))?;
        let wait = settings.wait_timeout;
        let queues = Queues::new(settings.connections);
        Ok(Engine { connector, pool, limits, queues, wait, runtime, tasks: TaskTracker::new() })
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Runs a transaction in its own task, on behalf of the requester of the current task.
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
        self.start(mode, Box::new(TransactionJob::new(transaction, answer)));
        restore_result(answered.await.map_err(|_| store_closed())?)
    }

    /// Starts the task of a job.
    fn start(&self, mode: Mode, mut job: Box<dyn Job>) {
        let (pool, limits) = (self.pool.clone(), self.limits);
        let wait = Wait::start(self.wait);
        let (queue, requester) = (Arc::clone(self.queues.of(mode)), current_requester());
        let task = async move {
            let connected = connect(&pool, &queue, requester, wait);
            let Some(connected) = run_unless_cancelled(connected, &mut *job).await else { return };
            match connected {
                Ok(mut connection) => {
                    let performance = Performance { mode, limits, deadline: wait.deadline(&queue.progress) };
                    let performed = performance.run(&mut connection.inner, &mut *job);
                    let performed = timeout(limits.transaction_timeout(mode), performed).await;
                    if performed.is_ok() && job.cause().is_none_or(is_constraint_violation) {
                        queue.progress.record();
                    } else {
                        queue.progress.record_failure();
                    }
                    if performed.is_err() {
                        connection.inner.close();
                    }
                    job.answer(performed.map_err(unavailable));
                }
                Err(error) => job.answer(Err(error)),
            }
        };
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// Refuses the calls that wait for their turn, except for writes of running turns. Later calls wait for the wait timeout
    /// at most.
    pub(crate) fn end_long_waits(&self) {
        self.queues.end_long_waits();
    }

    /// Waits for running transactions and closes all connections.
    pub(crate) async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.pool.close();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}

/// Time limits of statements and transactions, so that neither a turn nor the shutdown hangs.
#[derive(Debug, Clone, Copy)]
struct Limits {
    statement_timeout: Duration,
    /// Limit of the wait of a statement of a read without a transaction for a lock.
    read_lock_timeout: Duration,
}

/// How much longer a statement of a large write may take than others.
const LARGE_FACTOR: u32 = 6;

impl Limits {
    fn new(settings: &StoreSettings) -> Self {
        let statement_timeout = settings.statement_timeout;
        // A read has at most two statements. Together they wait for three quarters of the time of a call, so that a call
        // that got its connection soon needs no transaction.
        let read_lock_timeout = (statement_timeout / 2).min(settings.wait_timeout * 3 / 8);
        Limits { statement_timeout, read_lock_timeout }
    }

    /// Returns the limit of a whole transaction. Only an unresponsive server reaches it: the server enforces the statement limits
    /// itself.
    fn transaction_timeout(self, mode: Mode) -> Duration {
        self.statement_timeout_of(mode) * 2
    }

    fn statement_timeout_of(self, mode: Mode) -> Duration {
        match mode {
            Mode::LargeWrite => self.statement_timeout * LARGE_FACTOR,
            Mode::Read | Mode::Snapshot | Mode::Write | Mode::PriorityWrite | Mode::Serializable => {
                self.statement_timeout
            }
        }
    }

    /// Returns the limit of the waits of a transaction for a lock.
    fn lock_timeout(self) -> Duration {
        self.statement_timeout / 2
    }
}

/// Connects and sets the server's timeouts for statements, lock waits and idle transactions. The last one releases the
/// locks of a process that is suspended.
async fn connect_limited(connector: Connector, limits: Limits) -> ConnectionResult<AsyncPgConnection> {
    let mut conn = connector.connect().await?;
    let statement = limits.statement_timeout.as_millis();
    let lock = limits.read_lock_timeout.as_millis().max(1);
    conn.batch_execute(&format!(
        "SET statement_timeout = {statement}; SET lock_timeout = {lock}; \
         SET idle_in_transaction_session_timeout = {statement}"
    ))
    .await
    .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

/// Returns the output of a future; `None` if the caller drops the receiver first.
async fn run_unless_cancelled<T>(future: impl Future<Output = T>, job: &mut dyn Job) -> Option<T> {
    match select(pin!(future), job.closed()).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// The run of a job in the transaction that its mode requires, with its repetitions.
struct Performance {
    mode: Mode,
    limits: Limits,
    /// Instant at which the waits of the call end: for a connection, for locks, and before repetitions.
    deadline: Instant,
}

impl Performance {
    /// Runs the job. The job keeps its result or failure.
    async fn run(&self, conn: &mut Conn, job: &mut dyn Job) {
        let started = monotonic();
        let begin = self.begin();
        let lock_wait = match begin {
            Some(_) => Duration::from_millis(self.lock_wait_ms()),
            None => self.limits.read_lock_timeout,
        };
        self.repeat(conn, begin, job).await;
        if started.elapsed() < lock_wait {
            return;
        }
        // A timeout has no kind of its own. If the server names the position in the statement at which it waited, the
        // error looks like that of an invalid statement.
        if let Some(Error::DatabaseError(DatabaseErrorKind::Unknown, info)) = job.cause() {
            let message = info.message().to_owned();
            job.fail(Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message)));
        }
    }

    /// Returns the statement that begins the transaction. `None` for a read that needs no transaction.
    ///
    /// A read whose call has less time left than a lock may take gets a transaction, which limits the wait for the lock.
    fn begin(&self) -> Option<&'static str> {
        match self.mode {
            Mode::Read if self.time_left() >= self.limits.read_lock_timeout => None,
            Mode::Read => Some("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"),
            Mode::Snapshot => Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            Mode::Write | Mode::PriorityWrite | Mode::LargeWrite => {
                Some("BEGIN ISOLATION LEVEL READ COMMITTED")
            }
            Mode::Serializable => Some("BEGIN ISOLATION LEVEL SERIALIZABLE"),
        }
    }

    async fn repeat(&self, conn: &mut Conn, begin: Option<&'static str>, job: &mut dyn Job) {
        let Some(begin) = begin else {
            job.run(conn).await;
            return;
        };
        let mut pause = FIRST_PAUSE;
        for repeat in 0..=REPEATS {
            let outcome = self.attempt(conn, begin, job).await;
            if outcome == TryOutcome::Final || repeat == REPEATS || monotonic() + pause >= self.deadline {
                return;
            }
            tracing::debug!(cause = ?job.cause(), "repeating a transaction after a conflict");
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn attempt(&self, conn: &mut Conn, begin: &str, job: &mut dyn Job) -> TryOutcome {
        let mut begin = format!("{begin}; SET LOCAL lock_timeout = {}", self.lock_wait_ms());
        if self.mode == Mode::LargeWrite {
            let statement = self.limits.statement_timeout_of(self.mode);
            begin.push_str(&format!("; SET LOCAL statement_timeout = {}", statement.as_millis()));
        }
        if self.mode.writes() {
            begin.push_str("; ");
            begin.push_str(SET_BEGUN);
        }
        conn.plan(begin);
        let lost = if job.run(conn).await {
            match conn.commit().await {
                Ok(()) => false,
                Err(error) => {
                    // Only this error of a commit guarantees that nothing was committed.
                    let lost = is_conflict(&error);
                    job.fail(error);
                    lost
                }
            }
        } else {
            // If that fails too, the connection is closed.
            if let Err(error) = conn.roll_back().await {
                tracing::debug!(%error, "rolling back a transaction failed");
                return TryOutcome::Final;
            }
            job.cause().is_some_and(|error| is_retryable(self.mode, error))
        };
        if lost { TryOutcome::Retryable } else { TryOutcome::Final }
    }

    /// Returns the time until the waits of the call end.
    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(monotonic())
    }

    /// Returns the limit of one wait for a lock in milliseconds: the rest of the time of the call, at most the setting. A
    /// write waits twice for a row for which other transactions wait, too: for its turn, and for the row. A serializable
    /// one, such as the deletion of a user, keeps its time: it waits for many others.
    fn lock_wait_ms(&self) -> u64 {
        let waits = match self.mode {
            Mode::Read | Mode::Snapshot | Mode::Serializable => 1,
            Mode::Write | Mode::PriorityWrite | Mode::LargeWrite => 2,
        };
        let rest = self.limits.lock_timeout().min(self.time_left()) / waits;
        // Zero would switch the limit off.
        u64::try_from(rest.as_millis()).unwrap_or(u64::MAX).max(1)
    }
}

/// Result of one attempt of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TryOutcome {
    /// A conflict with another transaction: a repetition may succeed.
    Retryable,
    /// The transaction was committed, or failed for another reason; it is not repeated.
    Final,
}

fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _))
}

/// Returns whether a repetition may succeed. A timeout is final: its repetition would wait for the same lock.
fn is_retryable(mode: Mode, error: &Error) -> bool {
    let Error::DatabaseError(kind, info) = error else { return false };
    match kind {
        DatabaseErrorKind::SerializationFailure => true,
        // diesel has no kind for a deadlock, and its message is localized. The server describes the cycle in the detail
        // and points to its log in the hint; errors of timeouts have neither.
        DatabaseErrorKind::Unknown => {
            info.details().is_some() && info.hint().is_some() && info.statement_position().is_none()
        }
        // Two transactions found the same row missing and inserted it; the later one gets this error.
        DatabaseErrorKind::UniqueViolation => mode == Mode::Serializable,
        _ => false,
    }
}
