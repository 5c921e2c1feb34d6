//! The timeouts of one exchange with the upstream.

use std::time::Duration;

use causerie_domain::completion::{CompletionError, CompletionErrorKind, TimeoutKind};
use tokio::time::{Instant, timeout};

use crate::clock::monotonic;
use crate::settings::Timeouts;

/// Tracks the timeouts of one exchange, from its request on.
///
/// The idle timeouts measure only the time spent waiting for the upstream, so that a pausing reader does not make the
/// upstream time out.
#[derive(Debug)]
pub(super) struct TimeoutTracker {
    limits: Timeouts,
    started: Instant,
    first_byte_received: bool,
    /// Time spent waiting since the last progress.
    waited: Duration,
}

impl TimeoutTracker {
    /// Starts the timeouts, at the time of the request.
    pub(super) fn start(limits: Timeouts) -> Self {
        TimeoutTracker { limits, started: monotonic(), first_byte_received: false, waited: Duration::ZERO }
    }

    /// Waits for a future until the next timeout.
    ///
    /// # Errors
    /// [`CompletionErrorKind::Timeout`] with the timeout that expired.
    pub(super) async fn wait<T>(&mut self, future: impl Future<Output = T>) -> Result<T, CompletionError> {
        let (kind, remaining, limit) = self.next();
        let from = monotonic();
        let result = timeout(remaining, future).await;
        if self.first_byte_received {
            self.waited += from.elapsed();
        }
        result.map_err(|_| timeout_error(kind, limit))
    }

    /// Returns the time in which the upstream ends a complete response.
    pub(super) fn end(&self) -> Duration {
        self.limits.end
    }

    /// Records that bytes arrived.
    pub(super) fn record_bytes(&mut self) {
        self.first_byte_received = true;
    }

    /// Records progress of the answer.
    pub(super) fn record_progress(&mut self) {
        self.waited = Duration::ZERO;
    }

    /// Returns the timeout that expires next, its remaining time and its limit.
    fn next(&self) -> (TimeoutKind, Duration, Duration) {
        let Timeouts { first_byte, idle_bytes, idle_progress, total, connect: _, end: _ } = self.limits;
        let elapsed = self.started.elapsed();
        let active: [(TimeoutKind, Duration, Duration); 3] = if self.first_byte_received {
            [
                (TimeoutKind::IdleBytes, idle_bytes, idle_bytes),
                (TimeoutKind::IdleProgress, idle_progress.saturating_sub(self.waited), idle_progress),
                (TimeoutKind::Total, total.saturating_sub(elapsed), total),
            ]
        } else {
            let first = (TimeoutKind::FirstByte, first_byte.saturating_sub(elapsed), first_byte);
            [first, first, (TimeoutKind::Total, total.saturating_sub(elapsed), total)]
        };
        active.into_iter().min_by_key(|(_, remaining, _)| *remaining).unwrap_or(active[2])
    }
}

/// Creates the error of an expired timeout.
pub(super) fn timeout_error(kind: TimeoutKind, limit: Duration) -> CompletionError {
    let what = match kind {
        TimeoutKind::Connect => "no connection to the upstream",
        TimeoutKind::FirstByte => "no answer from the upstream",
        TimeoutKind::IdleBytes => "no further byte from the upstream",
        TimeoutKind::IdleProgress => "no progress of the answer",
        TimeoutKind::Total => "no end of the answer",
    };
    CompletionError::new(
        CompletionErrorKind::Timeout(kind),
        format!("{what} within {limit:?} (timeout {kind})"),
    )
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn limits() -> Timeouts {
        Timeouts {
            connect: MS,
            first_byte: 50 * MS,
            idle_bytes: 20 * MS,
            idle_progress: 70 * MS,
            end: 10 * MS,
            total: 200 * MS,
        }
    }

    async fn expired_timeout(tracker: &mut TimeoutTracker) -> TimeoutKind {
        match tracker.wait(pending::<()>()).await.unwrap_err().kind {
            CompletionErrorKind::Timeout(kind) => kind,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn before_the_first_byte_the_first_byte_timeout_runs() {
        let mut tracker = TimeoutTracker::start(limits());
        tracker.wait(sleep(30 * MS)).await.unwrap();
        assert_eq!(expired_timeout(&mut tracker).await, TimeoutKind::FirstByte);
        assert_eq!(tracker.started.elapsed(), 50 * MS);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_expires_the_idle_bytes_timeout() {
        let mut tracker = TimeoutTracker::start(limits());
        tracker.record_bytes();
        tracker.wait(sleep(19 * MS)).await.unwrap();
        assert_eq!(expired_timeout(&mut tracker).await, TimeoutKind::IdleBytes);
        assert_eq!(tracker.started.elapsed(), 39 * MS);
    }

    #[tokio::test(start_paused = true)]
    async fn keep_alives_without_progress_expire_the_idle_progress_timeout() {
        let mut tracker = TimeoutTracker::start(limits());
        tracker.record_bytes();
        for _ in 0..4 {
            tracker.wait(sleep(15 * MS)).await.unwrap();
        }
        assert_eq!(expired_timeout(&mut tracker).await, TimeoutKind::IdleProgress);
        assert_eq!(tracker.started.elapsed(), 70 * MS);
    }

    #[tokio::test(start_paused = true)]
    async fn progress_without_an_end_expires_the_total_timeout() {
        let mut tracker = TimeoutTracker::start(limits());
        tracker.record_bytes();
        for _ in 0..13 {
            tracker.wait(sleep(15 * MS)).await.unwrap();
            tracker.record_progress();
        }
        assert_eq!(expired_timeout(&mut tracker).await, TimeoutKind::Total);
        assert_eq!(tracker.started.elapsed(), 200 * MS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_of_the_reader_does_not_count_as_waiting() {
        let mut tracker = TimeoutTracker::start(limits());
        tracker.record_bytes();
        sleep(150 * MS).await;
        tracker.wait(sleep(15 * MS)).await.unwrap();
        assert_eq!(expired_timeout(&mut tracker).await, TimeoutKind::IdleBytes);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unlimited_timeout_never_expires() {
        let unlimited = Timeouts {
            connect: MS,
            first_byte: Duration::MAX,
            idle_bytes: Duration::MAX,
            idle_progress: Duration::MAX,
            end: Duration::MAX,
            total: Duration::MAX,
        };
        let mut tracker = TimeoutTracker::start(unlimited);
        tracker.wait(sleep(1_000_000 * MS)).await.unwrap();
    }
}
