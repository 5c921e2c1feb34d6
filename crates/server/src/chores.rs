//! What has to be done now and then, whoever asks for what.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::ports::{Clock as _, StreamTickets};
use causerie_runtime::SystemClock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a ticket that is over may lie in the store.
const TICKETS_EVERY: Duration = Duration::from_secs(600);

/// The chores of a running server.
#[derive(Debug)]
pub(crate) struct Chores {
    tasks: TaskTracker,
    ended: CancellationToken,
}

impl Chores {
    /// Begins them.
    pub(crate) fn start(tickets: Arc<dyn StreamTickets>) -> Self {
        let chores = Chores { tasks: TaskTracker::new(), ended: CancellationToken::new() };
        let ended = chores.ended.clone();
        chores.tasks.spawn(async move { ended.run_until_cancelled(forget_tickets(tickets)).await });
        chores
    }

    /// Ends them.
    pub(crate) async fn stop(self) {
        self.ended.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Forgets tickets that are over, at the start and from then on.
async fn forget_tickets(tickets: Arc<dyn StreamTickets>) {
    loop {
        match tickets.forget_tickets(SystemClock.now()).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::debug!(forgotten, "stream tickets forgotten"),
            Err(error) => tracing::warn!(%error, "old stream tickets could not be forgotten"),
        }
        tokio::time::sleep(TICKETS_EVERY).await;
    }
}
