//! Periodic deletion of expired stream tickets.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::ports::{Clock as _, StreamTickets};
use causerie_runtime::SystemClock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Interval at which expired stream tickets are deleted.
const TICKET_CLEANUP_INTERVAL: Duration = Duration::from_secs(600);

/// Task that deletes expired stream tickets.
#[derive(Debug)]
pub(crate) struct TicketCleanup {
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl TicketCleanup {
    /// Starts the task.
    pub(crate) fn start(tickets: Arc<dyn StreamTickets>) -> Self {
        let cleanup = TicketCleanup { tasks: TaskTracker::new(), shutdown: CancellationToken::new() };
        let shutdown = cleanup.shutdown.clone();
        cleanup
            .tasks
            .spawn(async move { shutdown.run_until_cancelled(delete_expired_tickets(tickets)).await });
        cleanup
    }

    /// Cancels the task and waits until it has ended.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Deletes expired stream tickets, first at once and then at each interval.
async fn delete_expired_tickets(tickets: Arc<dyn StreamTickets>) {
    loop {
        match tickets.delete_expired_tickets(SystemClock.now()).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::debug!(forgotten, "expired stream tickets deleted"),
            Err(error) => tracing::warn!(%error, "deleting expired stream tickets failed; retrying"),
        }
        tokio::time::sleep(TICKET_CLEANUP_INTERVAL).await;
    }
}
