//! Periodic work on the store that no request waits for: expired stream tickets are deleted, and usage is summarized.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::Timestamp;
use causerie_domain::ports::{Clock as _, StreamTickets, UsageSummaries};
use causerie_runtime::SystemClock;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Interval at which expired stream tickets are deleted.
const TICKET_CLEANUP_INTERVAL: Duration = Duration::from_secs(600);
/// Interval at which usage is summarized.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(60);
/// Age of the requests whose usage is summarized, in seconds. Most costs are final by then.
const SUMMARIZED_AGE: i64 = 3600;
/// Minimum pause after a transaction that summarizes. On PostgreSQL, turns that wait write to the ledger in it.
const SUMMARY_PAUSE: Duration = Duration::from_millis(20);

/// Tasks that run until they are stopped.
#[derive(Debug)]
pub(crate) struct Housekeeping {
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Housekeeping {
    /// Starts the tasks.
    pub(crate) fn start(tickets: Arc<dyn StreamTickets>, summaries: Arc<dyn UsageSummaries>) -> Self {
        let housekeeping = Housekeeping { tasks: TaskTracker::new(), shutdown: CancellationToken::new() };
        housekeeping.run(delete_expired_tickets(tickets));
        housekeeping.run(summarize_usage(summaries));
        housekeeping
    }

    fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move { shutdown.run_until_cancelled(task).await });
    }

    /// Cancels the tasks and waits until they have ended.
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
        sleep(TICKET_CLEANUP_INTERVAL).await;
    }
}

/// Summarizes the usage of requests that are old enough, first at once and then at each interval.
async fn summarize_usage(summaries: Arc<dyn UsageSummaries>) {
    loop {
        let now = SystemClock.now();
        let before = Timestamp::from_micros(now.as_micros().saturating_sub(SUMMARIZED_AGE * 1_000_000));
        match summaries.summarize_usage(before).await {
            // Turns have at least three quarters of the time, however slow the database is.
            Ok(true) => {
                let taken = SystemClock.now().since(now);
                sleep((taken * 3).clamp(SUMMARY_PAUSE, SUMMARY_INTERVAL)).await;
            }
            Ok(false) => sleep(SUMMARY_INTERVAL).await,
            Err(error) => {
                tracing::warn!(%error, "summarizing usage failed; retrying");
                sleep(SUMMARY_INTERVAL).await;
            }
        }
    }
}
