//! How long a call waits for its turn.
//!
//! A queue that is served is no failure: 2,000 requests that arrive at once are served one after the other. A call gives
//! up when the store has completed nothing for the wait timeout, when a call has failed meanwhile and its own time is
//! over, or when it has waited several times as long.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use causerie_domain::ports::StoreError;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::monotonic;

/// How often a call waits for the wait timeout while the store completes other calls.
pub(super) const MAX_WAITS: u32 = 6;

/// The last ends of transactions of those that wait in one queue.
#[derive(Debug)]
pub(super) struct Progress {
    origin: Instant,
    /// Time from the origin to the last completed transaction in microseconds.
    completed: AtomicU64,
    /// Time from the origin to the last transaction that failed for a reason that can affect others, such as a lock.
    failed: AtomicU64,
    /// Cancelled when long waits end.
    impatient: CancellationToken,
}

impl Progress {
    /// Creates the progress of a queue whose long waits end when a token is cancelled.
    pub(super) fn new(impatient: CancellationToken) -> Self {
        let (completed, failed) = (AtomicU64::new(0), AtomicU64::new(0));
        Progress { origin: monotonic(), completed, failed, impatient }
    }

    /// Records that a transaction was completed.
    pub(super) fn record(&self) {
        self.set(&self.completed);
    }

    /// Records that a transaction failed for a reason that can affect others.
    pub(super) fn record_failure(&self) {
        self.set(&self.failed);
    }

    fn set(&self, end: &AtomicU64) {
        let now = u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        end.fetch_max(now, Ordering::Relaxed);
    }

    fn instant(&self, end: &AtomicU64) -> Instant {
        self.origin + Duration::from_micros(end.load(Ordering::Relaxed))
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
        let own = self.started + self.timeout;
        if progress.impatient.is_cancelled() || progress.instant(&progress.failed) > self.started {
            return own;
        }
        own.max(progress.instant(&progress.completed) + self.timeout).min(self.latest())
    }

    /// Returns the instant until which the call waits at most.
    pub(super) fn latest(&self) -> Instant {
        self.started + self.timeout * MAX_WAITS
    }

    /// Waits for a future while the store makes progress.
    ///
    /// # Errors
    /// The error of a call whose turn did not come.
    pub(super) async fn for_output<F: Future>(
        &self,
        progress: &Progress,
        future: F,
    ) -> Result<F::Output, StoreError> {
        let mut future = pin!(future);
        let mut deadline = self.started + self.timeout;
        let was_impatient = progress.impatient.is_cancelled();
        loop {
            tokio::select! {
                biased;
                output = &mut future => return Ok(output),
                () = sleep_until(deadline) => {}
                () = progress.impatient.cancelled(), if !was_impatient => return Err(StoreError::overloaded()),
            }
            let later = self.deadline(progress);
            if later <= deadline {
                return Err(self.refusal(progress));
            }
            deadline = later;
        }
    }

    /// Returns the error of a call whose turn did not come.
    pub(super) fn refusal(&self, progress: &Progress) -> StoreError {
        if progress.instant(&progress.completed) > self.started {
            StoreError::overloaded()
        } else {
            // A timeout: a health check whose write waits for its turn finds a busy store.
            StoreError::rolled_back(
                "timeout: the store has completed no call while this one waited for its turn",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use causerie_domain::ports::WriteFailure;
    use tokio::time::sleep;

    use super::*;
    use crate::error::write_failure;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn progress() -> Progress {
        Progress::new(CancellationToken::new())
    }

    /// Returns the time that a call waits for nothing while transactions end at intervals, and whether it is refused as
    /// one of too many. The transactions with these numbers fail.
    async fn waited(ended: usize, failing: &[usize], interval: Duration) -> (u64, bool) {
        let progress = progress();
        // Earlier than the call, and of no effect.
        progress.record();
        progress.record_failure();
        sleep(Duration::from_secs(1)).await;
        let wait = Wait::start(TIMEOUT);
        let serve = async {
            for number in 0..ended {
                sleep(interval).await;
                if failing.contains(&number) { progress.record_failure() } else { progress.record() }
            }
            pending().await
        };
        let refused = tokio::select! {
            output = wait.for_output(&progress, pending::<()>()) => output.unwrap_err(),
            never = serve => never,
        };
        assert!(refused.is_rolled_back());
        assert_eq!(write_failure(&refused), WriteFailure::Busy);
        (wait.started.elapsed().as_secs(), refused.is_overloaded())
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_without_progress_costs_one_wait() {
        assert_eq!(waited(0, &[], TIMEOUT).await, (5, false));
    }

    #[tokio::test(start_paused = true)]
    async fn each_completed_transaction_prolongs_the_wait() {
        for (completed, expected) in [(1, 9), (2, 13), (3, 17), (100, 30)] {
            let waited = waited(completed, &[], Duration::from_secs(4)).await;
            assert_eq!(waited, (expected, true), "{completed} completed");
        }
    }

    /// Checks that calls do not wait for long behind others that fail, although the store completes some.
    #[tokio::test(start_paused = true)]
    async fn a_failed_transaction_ends_the_prolongation() {
        let second = Duration::from_secs(1);
        assert_eq!(waited(100, &[2], second).await, (5, true));
        // The call was prolonged to its ninth second before.
        assert_eq!(waited(100, &[3], 2 * second).await, (9, true));
        assert_eq!(waited(3, &[0, 1, 2], second).await, (5, false));
    }

    #[tokio::test(start_paused = true)]
    async fn an_output_ends_the_wait() {
        let progress = progress();
        let wait = Wait::start(TIMEOUT);
        let late = async {
            sleep(Duration::from_secs(4)).await;
            progress.record();
            sleep(Duration::from_secs(4)).await;
            7
        };
        assert_eq!(wait.for_output(&progress, late).await.unwrap(), 7);
        assert_eq!(wait.started.elapsed().as_secs(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn long_waits_end_at_once_and_later_calls_wait_once() {
        let progress = progress();
        let wait = Wait::start(TIMEOUT);
        let end = async {
            sleep(Duration::from_secs(2)).await;
            progress.record();
            progress.impatient.cancel();
        };
        let (refused, ()) = tokio::join!(wait.for_output(&progress, pending::<()>()), end);
        assert!(refused.unwrap_err().is_overloaded());
        assert_eq!(wait.started.elapsed().as_secs(), 2);
        let later = Wait::start(TIMEOUT);
        let serve = async {
            for _ in 0..9 {
                sleep(Duration::from_secs(1)).await;
                progress.record();
            }
        };
        let (refused, ()) = tokio::join!(later.for_output(&progress, pending::<()>()), serve);
        assert!(refused.unwrap_err().is_overloaded());
        assert_eq!(later.for_output(&progress, async { 7 }).await.unwrap(), 7);
    }
}
