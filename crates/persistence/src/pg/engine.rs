//! Runs steps in tasks of the runtime that opened the store.
//!
//! A task is not its caller's: one that goes away stops listening, and the transaction ends as if it had stayed. And
//! a connection's driver lives on the runtime that opened it, which must not be a web worker's.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use causerie_domain::ports::StoreError;
use deadpool::Runtime;
use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig};
use diesel_async::{
    AnsiTransactionManager, AsyncConnection as _, SimpleAsyncConnection as _, TransactionManager,
};
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::Conn;
use super::job::{Job, StepJob};
use crate::fault::{Failure, unavailable};
use crate::settings::{OpenError, StoreSettings};
use crate::step::{Mode, Step, abandoned, overloaded};

/// How often a transaction that lost against another is repeated.
const REPEATS: u32 = 4;
/// How long the first repetition waits; each further one waits twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// A database of a server.
pub(crate) struct Engine {
    url: String,
    pool: Pool<Conn>,
    limits: Limits,
    /// Connections that steps without urgency may hold at the same time: never all of them.
    ordinary: Arc<Semaphore>,
    wait: Duration,
    runtime: Handle,
    tasks: TaskTracker,
}

impl Engine {
    /// Makes the pool. Nothing is connected before the first step.
    pub(crate) fn open(url: &str, settings: &StoreSettings) -> Result<Self, OpenError> {
        if settings.connections == 0 {
            return Err(OpenError::TooFew("connection"));
        }
        let runtime = Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
        let wait = Some(settings.wait_timeout);
        let limits = Limits(settings.statement_timeout);
        let mut config = ManagerConfig::<Conn>::default();
        config.custom_setup = Box::new(move |url| connect_limited(url, limits).boxed());
        let pool = Pool::builder(AsyncDieselConnectionManager::new_with_config(url, config))
            .max_size(usize::try_from(settings.connections).unwrap_or(usize::MAX))
            .wait_timeout(wait)
            .create_timeout(wait)
            .recycle_timeout(wait)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|source| OpenError::Pool(source.into()))?;
        let ordinary = Arc::new(Semaphore::new(ordinary(settings.connections)));
        let (url, wait) = (url.to_owned(), settings.wait_timeout);
        Ok(Engine { url, pool, limits, ordinary, wait, runtime, tasks: TaskTracker::new() })
    }

    /// The address, password included.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Runs a step in a task of its own.
    pub(crate) async fn run<T, F>(&self, mode: Mode, step: Step<Conn, T, F>) -> Result<T, F::Port>
    where
        T: Send + 'static,
        F: Failure,
    {
        let (answer, answered) = oneshot::channel();
        self.start(mode, Box::new(StepJob::new(step, answer)));
        answered.await.unwrap_or_else(|_| Err(F::Port::from(abandoned())))
    }

    /// Starts the task of a step.
    fn start(&self, mode: Mode, mut job: Box<dyn Job>) {
        let (pool, patience, wait) = (self.pool.clone(), self.limits.of_a_step(), self.wait);
        let places = (mode != Mode::Urgent).then(|| Arc::clone(&self.ordinary));
        let task = async move {
            let connected = connect(&pool, places, wait);
            let Some(connected) = unless_abandoned(connected, &mut *job).await else { return };
            match connected {
                Ok(mut connection) => {
                    let performed = timeout(patience, perform(&mut connection.inner, mode, &mut *job)).await;
                    job.answer(performed.map_err(|late| {
                        // Half a conversation with the server is no connection any more: it is closed.
                        drop(Object::take(connection.inner));
                        unavailable(late)
                    }));
                }
                Err(error) => job.answer(Err(error)),
            }
        };
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// Waits for the steps that run, and closes all connections.
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

/// How long things may take, so that nothing hangs for ever: neither a turn nor the end of the process.
#[derive(Debug, Clone, Copy)]
struct Limits(Duration);

impl Limits {
    /// A step of several statements. Only a server that does not answer at all comes so far: it keeps the limits of
    /// its statements itself.
    fn of_a_step(self) -> Duration {
        self.0 * 2
    }
}

/// Connects, and has the server end what takes too long: a statement, a wait for a lock, and a transaction whose
/// client has nothing more to say. The last one frees the locks of a process that is stopped but not dead.
async fn connect_limited(url: &str, limits: Limits) -> ConnectionResult<Conn> {
    let mut conn = Conn::establish(url).await?;
    let statement = limits.0.as_millis();
    let lock = statement.div_ceil(2);
    conn.batch_execute(&format!(
        "SET statement_timeout = {statement}; SET lock_timeout = {lock}; \
         SET idle_in_transaction_session_timeout = {statement}"
    ))
    .await
    .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

/// A connection, and the place among the ordinary steps that comes with it.
struct Connection {
    inner: Object<Conn>,
    _place: Option<OwnedSemaphorePermit>,
}

async fn connect(
    pool: &Pool<Conn>,
    places: Option<Arc<Semaphore>>,
    wait: Duration,
) -> Result<Connection, StoreError> {
    let place = match places {
        Some(places) => match timeout(wait, places.acquire_owned()).await {
            Ok(place) => Some(place.map_err(unavailable)?),
            Err(_) => return Err(overloaded()),
        },
        None => None,
    };
    Ok(Connection { inner: pool.get().await.map_err(unavailable)?, _place: place })
}

/// What a future comes to; none when the caller leaves before that.
async fn unless_abandoned<T>(future: impl Future<Output = T>, job: &mut dyn Job) -> Option<T> {
    match select(pin!(future), job.closed()).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// How many of the connections are not kept for the turns that run: three in four, but never none.
fn ordinary(connections: u32) -> usize {
    let kept = (connections / 4).max(u32::from(connections > 1));
    usize::try_from(connections - kept).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS)
}

/// Runs a step in a transaction where it needs one. The step keeps its result, and its failure.
async fn perform(conn: &mut Conn, mode: Mode, job: &mut dyn Job) {
    let Some(begin) = begin_of(mode) else {
        job.run(conn).await;
        return;
    };
    let mut pause = FIRST_PAUSE;
    for _ in 0..REPEATS {
        match attempt(conn, mode, begin, job).await {
            Attempt::Lost => {
                tracing::debug!(cause = ?job.cause(), "a transaction is repeated");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Attempt::Ended => return,
        }
    }
    attempt(conn, mode, begin, job).await;
}

/// How a transaction went.
enum Attempt {
    /// It had no effect because of another one: the same statements may succeed now.
    Lost,
    /// It was committed, or failed for a reason that stays.
    Ended,
}

async fn attempt(conn: &mut Conn, mode: Mode, begin: &str, job: &mut dyn Job) -> Attempt {
    let begun: QueryResult<()> = AnsiTransactionManager::begin_transaction_sql(conn, begin).await;
    if let Err(error) = begun {
        job.fail(error);
        return Attempt::Ended;
    }
    let lost = if job.run(conn).await {
        match AnsiTransactionManager::commit_transaction(conn).await {
            Ok(()) => false,
            Err(error) => {
                // Only this answer to a commit says that nothing of it was kept.
                let lost = is_conflict(&error);
                job.fail(error);
                lost
            }
        }
    } else {
        // If that fails too, the connection knows it is broken, and the pool closes it.
        if let Err(error) = AnsiTransactionManager::rollback_transaction(conn).await {
            tracing::debug!(%error, "a transaction could not be rolled back");
        }
        job.cause().is_some_and(|error| may_pass(mode, error))
    };
    if lost { Attempt::Lost } else { Attempt::Ended }
}

fn begin_of(mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Read => None,
        Mode::Snapshot => Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        Mode::Write | Mode::Urgent => Some("BEGIN ISOLATION LEVEL READ COMMITTED"),
        Mode::Serial => Some("BEGIN ISOLATION LEVEL SERIALIZABLE"),
    }
}

fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _))
}

/// A deadlock has no kind of its own in diesel, and its message is in the server's language.
fn may_pass(mode: Mode, error: &Error) -> bool {
    let Error::DatabaseError(kind, _) = error else { return false };
    match kind {
        DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::Unknown => true,
        // What two transactions both found missing, both insert: this is how the later one hears of it.
        DatabaseErrorKind::UniqueViolation => mode == Mode::Serial,
        _ => false,
    }
}
