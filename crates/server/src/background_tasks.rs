//! Periodic tasks of a running server that no request starts.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::ports::{Clock as _, StreamTickets};
use causerie_runtime::SystemClock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Interval at which expired stream tickets are deleted.
const TICKET_CLEANUP_INTERVAL: Duration = Duration::from_secs(600);

/// The background tasks of a running server.
#[derive(Debug)]
pub(crate) struct BackgroundTasks {
    tasks: TaskTracker,
    ended: CancellationToken,
}

impl BackgroundTasks {
    /// Starts the tasks.
    pub(crate) fn start(tickets: Arc<dyn StreamTickets>) -> Self {
        let background_tasks = BackgroundTasks { tasks: TaskTracker::new(), ended: CancellationToken::new() };
        let ended = background_tasks.ended.clone();
        background_tasks
            .tasks
            .spawn(async move { ended.run_until_cancelled(delete_expired_tickets(tickets)).await });
        background_tasks
    }

    /// Cancels the tasks and waits until they have ended.
    pub(crate) async fn stop(self) {
        self.ended.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Deletes expired stream tickets, first at once and then at each interval.
async fn delete_expired_tickets(tickets: Arc<dyn StreamTickets>) {
    loop {
        match tickets.forget_tickets(SystemClock.now()).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::debug!(forgotten, "expired stream tickets deleted"),
            Err(error) => tracing::warn!(%error, "deleting expired stream tickets failed; retrying"),
        }
        tokio::time::sleep(TICKET_CLEANUP_INTERVAL).await;
    }
}
