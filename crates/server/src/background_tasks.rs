//! What has to be done now and then, whoever asks for what.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::ports::{Clock as _, StreamTickets};
use causerie_runtime::SystemClock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a ticket that is over may lie in the store.
const TICKET_CLEANUP_INTERVAL: Duration = Duration::from_secs(600);

/// The background_tasks of a running server.
#[derive(Debug)]
pub(crate) struct BackgroundTasks {
    tasks: TaskTracker,
    ended: CancellationToken,
}

impl BackgroundTasks {
    /// Begins them.
    pub(crate) fn start(tickets: Arc<dyn StreamTickets>) -> Self {
        let background_tasks = BackgroundTasks { tasks: TaskTracker::new(), ended: CancellationToken::new() };
        let ended = background_tasks.ended.clone();
        background_tasks
            .tasks
            .spawn(async move { ended.run_until_cancelled(delete_expired_tickets(tickets)).await });
        background_tasks
    }

    /// Ends them.
    pub(crate) async fn stop(self) {
        self.ended.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Forgets tickets that are over, at the start and from then on.
async fn delete_expired_tickets(tickets: Arc<dyn StreamTickets>) {
    loop {
        match tickets.forget_tickets(SystemClock.now()).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::debug!(forgotten, "stream tickets forgotten"),
            Err(error) => tracing::warn!(%error, "old stream tickets could not be forgotten"),
        }
        tokio::time::sleep(TICKET_CLEANUP_INTERVAL).await;
    }
}
