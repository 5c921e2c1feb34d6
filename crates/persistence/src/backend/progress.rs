//! How long a call waits for its turn.
//!
//! A queue that is served is no failure: 2,000 requests that arrive at once are served one after the other. A call gives
//! up when the store has completed nothing for the wait timeout, or when the call has waited several times as long.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::clock::monotonic;

/// How often a call waits for the wait timeout while the store completes other calls.
pub(super) const MAX_WAITS: u32 = 6;

/// The last completed transaction of those that wait in one queue.
#[derive(Debug)]
pub(super) struct Progress {
    origin: Instant,
    /// Time from the origin to the last completed transaction in microseconds.
    last: AtomicU64,
}

impl Progress {
    pub(super) fn new() -> Self {
        Progress { origin: monotonic(), last: AtomicU64::new(0) }
    }

    /// Records that a transaction was completed.
    pub(super) fn record(&self) {
        let now = u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.fetch_max(now, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.origin + Duration::from_micros(self.last.load(Ordering::Relaxed))
    }
}

/// The wait of one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    started: Instant,
    timeout: Duration,
}

impl Wait {
    /// Starts the wait of a call.
    pub(super) fn start(timeout: Duration) -> Self {
        Wait { started: monotonic(), timeout }
    }

    /// Returns the instant until which the call waits, if no further transaction is completed.
    pub(super) fn deadline(&self, progress: &Progress) -> Instant {
        (self.started.max(progress.last()) + self.timeout).min(self.latest())
    }

    /// Returns the instant until which the call waits at most.
    pub(super) fn latest(&self) -> Instant {
        self.started + self.timeout * MAX_WAITS
    }

    /// Waits for a future while the store makes progress. Returns `None` if the wait ends first.
    pub(super) async fn for_output<F: Future>(&self, progress: &Progress, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        // The clock is read for the first deadline only if the future is not ready.
        let mut deadline = self.started + self.timeout;
        loop {
            match timeout_at(deadline, &mut future).await {
                Ok(output) => return Some(output),
                Err(_) => {
                    let later = self.deadline(progress);
                    if later <= deadline {
                        return None;
                    }
                    deadline = later;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    /// Returns the time that a call waits for nothing while transactions are completed at intervals.
    async fn waited(completed: usize, interval: Duration) -> Duration {
        let progress = Progress::new();
        // Earlier than the call, and of no effect.
        progress.record();
        sleep(Duration::from_secs(1)).await;
        let wait = Wait::start(TIMEOUT);
        let serve = async {
            for _ in 0..completed {
                sleep(interval).await;
                progress.record();
            }
            pending::<()>().await;
        };
        tokio::select! {
            output = wait.for_output(&progress, pending::<()>()) => assert_eq!(output, None),
            () = serve => {}
        }
        wait.started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_without_progress_costs_one_wait() {
        // The timer has a resolution of one millisecond.
        let rounded = Duration::from_millis(1);
        let waited = waited(0, TIMEOUT).await;
        assert!(waited >= TIMEOUT && waited <= TIMEOUT + rounded, "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn each_completed_transaction_prolongs_the_wait() {
        for (completed, expected) in [(1, 9), (2, 13), (3, 17), (100, 30)] {
            let waited = waited(completed, Duration::from_secs(4)).await;
            assert_eq!(waited.as_secs(), expected, "{completed} completed");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_output_ends_the_wait() {
        let progress = Progress::new();
        let wait = Wait::start(TIMEOUT);
        let late = async {
            sleep(Duration::from_secs(4)).await;
            progress.record();
            sleep(Duration::from_secs(4)).await;
            7
        };
        assert_eq!(wait.for_output(&progress, late).await, Some(7));
        assert_eq!(wait.started.elapsed().as_secs(), 8);
    }
}
