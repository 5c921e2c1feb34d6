//! The timeouts of one exchange with the upstream.

use std::time::Duration;

use causerie_domain::completion::{Clock, CompletionError, CompletionErrorKind};
use tokio::time::{Instant, timeout};

use crate::clock::monotonic;
use crate::settings::Timeouts;

/// Measures one exchange from its request on.
///
/// The idle timeouts measure only the time spent waiting for the upstream: a reader that pauses does not make the
/// upstream look dead.
#[derive(Debug)]
pub(crate) struct Watch {
    timeouts: Timeouts,
    started: Instant,
    /// Whether the first byte came.
    begun: bool,
    /// Waited since the answer last came forward.
    waited: Duration,
}

impl Watch {
    /// Starts with the request.
    pub(crate) fn start(timeouts: Timeouts) -> Self {
        Watch { timeouts, started: monotonic(), begun: false, waited: Duration::ZERO }
    }

    /// Waits for something that is not yet a byte of the body.
    ///
    /// # Errors
    /// [`CompletionErrorKind::Timeout`] with the clock that ran out.
    pub(crate) async fn wait<T>(&mut self, future: impl Future<Output = T>) -> Result<T, CompletionError> {
        let (clock, left, limit) = self.next();
        let from = monotonic();
        let result = timeout(left, future).await;
        if self.begun {
            self.waited += from.elapsed();
        }
        result.map_err(|_| ran_out(clock, limit))
    }

    /// Notes that bytes came.
    pub(crate) fn byte(&mut self) {
        self.begun = true;
    }

    /// Notes that the answer came forward.
    pub(crate) fn progress(&mut self) {
        self.waited = Duration::ZERO;
    }

    /// The clock that runs out next, what is left on it, and what it was set to.
    fn next(&self) -> (Clock, Duration, Duration) {
        let Timeouts { first_byte, idle_bytes, idle_progress, total, connect: _ } = self.timeouts;
        let elapsed = self.started.elapsed();
        let running: [(Clock, Duration, Duration); 3] = if self.begun {
            [
                (Clock::IdleBytes, idle_bytes, idle_bytes),
                (Clock::IdleProgress, idle_progress.saturating_sub(self.waited), idle_progress),
                (Clock::Total, total.saturating_sub(elapsed), total),
            ]
        } else {
            let first = (Clock::FirstByte, first_byte.saturating_sub(elapsed), first_byte);
            [first, first, (Clock::Total, total.saturating_sub(elapsed), total)]
        };
        running.into_iter().min_by_key(|(_, left, _)| *left).unwrap_or(running[2])
    }
}

/// The error of a clock that ran out.
pub(crate) fn ran_out(clock: Clock, limit: Duration) -> CompletionError {
    let what = match clock {
        Clock::Connect => "no connection to the upstream",
        Clock::FirstByte => "no answer from the upstream",
        Clock::IdleBytes => "no further byte from the upstream",
        Clock::IdleProgress => "no progress of the answer",
        Clock::Total => "no end of the answer",
    };
    CompletionError::new(
        CompletionErrorKind::Timeout(clock),
        format!("{what} within {limit:?} (clock {clock})"),
    )
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn timeouts() -> Timeouts {
        Timeouts {
            connect: MS,
            first_byte: 50 * MS,
            idle_bytes: 20 * MS,
            idle_progress: 70 * MS,
            total: 200 * MS,
        }
    }

    async fn clock_that_ran_out(watch: &mut Watch) -> Clock {
        match watch.wait(pending::<()>()).await.unwrap_err().kind {
            CompletionErrorKind::Timeout(clock) => clock,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn before_the_first_byte_only_its_own_clock_runs() {
        let mut watch = Watch::start(timeouts());
        watch.wait(sleep(30 * MS)).await.unwrap();
        assert_eq!(clock_that_ran_out(&mut watch).await, Clock::FirstByte);
        assert_eq!(watch.started.elapsed(), 50 * MS);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_noticed_by_the_bytes_clock() {
        let mut watch = Watch::start(timeouts());
        watch.byte();
        watch.wait(sleep(19 * MS)).await.unwrap();
        assert_eq!(clock_that_ran_out(&mut watch).await, Clock::IdleBytes);
        assert_eq!(watch.started.elapsed(), 39 * MS);
    }

    #[tokio::test(start_paused = true)]
    async fn keep_alives_without_progress_are_noticed_by_the_progress_clock() {
        let mut watch = Watch::start(timeouts());
        watch.byte();
        for _ in 0..4 {
            watch.wait(sleep(15 * MS)).await.unwrap();
        }
        assert_eq!(clock_that_ran_out(&mut watch).await, Clock::IdleProgress);
        assert_eq!(watch.started.elapsed(), 70 * MS);
    }

    #[tokio::test(start_paused = true)]
    async fn progress_without_end_is_noticed_by_the_total_clock() {
        let mut watch = Watch::start(timeouts());
        watch.byte();
        for _ in 0..13 {
            watch.wait(sleep(15 * MS)).await.unwrap();
            watch.progress();
        }
        assert_eq!(clock_that_ran_out(&mut watch).await, Clock::Total);
        assert_eq!(watch.started.elapsed(), 200 * MS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_of_the_reader_is_not_the_upstreams() {
        let mut watch = Watch::start(timeouts());
        watch.byte();
        sleep(150 * MS).await;
        watch.wait(sleep(15 * MS)).await.unwrap();
        assert_eq!(clock_that_ran_out(&mut watch).await, Clock::IdleBytes);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_without_end_never_runs_out() {
        let endless = Timeouts {
            connect: MS,
            first_byte: Duration::MAX,
            idle_bytes: Duration::MAX,
            idle_progress: Duration::MAX,
            total: Duration::MAX,
        };
        let mut watch = Watch::start(endless);
        watch.wait(sleep(1_000_000 * MS)).await.unwrap();
    }
}
