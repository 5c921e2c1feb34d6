//! The queues of transactions that wait for a connection.

use std::sync::Arc;

use causerie_domain::Requester;
use causerie_domain::ports::StoreError;
use causerie_fair_share::{FairPermit, FairSemaphore};
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::Pool;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use super::Conn;
use crate::backend::progress::{Progress, Wait};
use crate::backend::transaction::Mode;

/// The queues for connections.
#[derive(Debug)]
pub(super) struct Queues {
    /// For writes of running turns: a permit for each connection.
    priority: Arc<Queue>,
    /// For all other transactions: permits for three quarters of the connections, at least one. The rest is reserved for
    /// running turns.
    normal: Arc<Queue>,
    /// Cancelled when long waits for `normal` end.
    impatient: CancellationToken,
}

/// Permits for connections, which go to the waiting users in turn.
#[derive(Debug)]
pub(super) struct Queue {
    permits: FairSemaphore,
    pub(super) progress: Progress,
}

impl Queues {
    pub(super) fn new(connections: u32) -> Self {
        let kept = (connections / 4).max(u32::from(connections > 1));
        let queue = |permits: u32, impatient| {
            let permits = FairSemaphore::new(usize::try_from(permits).unwrap_or(usize::MAX), None);
            Arc::new(Queue { permits, progress: Progress::new(impatient) })
        };
        let impatient = CancellationToken::new();
        let priority = queue(connections, CancellationToken::new());
        let normal = queue(connections - kept, impatient.clone());
        Queues { priority, normal, impatient }
    }

    /// Refuses the transactions that wait, except for writes of running turns. Later ones wait for the wait timeout at most.
    pub(super) fn end_long_waits(&self) {
        self.impatient.cancel();
    }

    pub(super) fn of(&self, mode: Mode) -> &Arc<Queue> {
        match mode {
            Mode::PriorityWrite => &self.priority,
            Mode::Read | Mode::Snapshot | Mode::Write | Mode::LargeWrite | Mode::Serializable => &self.normal,
        }
    }
}

/// A connection and the permit of its transaction.
pub(super) struct Connection {
    pub(super) inner: Conn,
    _permit: FairPermit,
}

/// Waits for a permit and a connection.
pub(super) async fn connect(
    pool: &Pool<AsyncPgConnection>,
    queue: &Queue,
    requester: Requester,
    wait: Wait,
) -> Result<Connection, StoreError> {
    let permit = queue.permits.acquire(requester, wait.latest());
    let permit = wait.for_output(&queue.progress, permit).await?;
    let permit = permit.ok_or_else(|| wait.refusal(&queue.progress))?;
    let connection = timeout_at(wait.deadline(&queue.progress), pool.get()).await;
    let connection = connection.map_err(|_| wait.refusal(&queue.progress))?;
    Ok(Connection { inner: Conn::pooled(connection.map_err(StoreError::rolled_back)?), _permit: permit })
}
