//! The circuit breaker: after too many consecutive failures requests are rejected, and one probe at a time tests
//! whether the upstream has recovered.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causerie_domain::completion::{CompletionError, CompletionErrorKind, Finish};
use tokio::time::Instant;

use crate::clock::monotonic;

/// Maximum retry wait of a request that is rejected during a probe: by then the probe has probably ended.
const MAX_PROBE_WAIT: Duration = Duration::from_secs(1);

/// Counts consecutive failures and decides whether requests may be sent.
#[derive(Debug)]
pub(super) struct Breaker {
    failure_threshold: u32,
    open_duration: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Requests are permitted. `failures` is the number of consecutive failures.
    Closed { failures: u32 },
    /// Requests are rejected until this instant.
    Open { until: Instant },
    /// At least one probe is in progress, and the first result decides. A probe may hang until its timeout although
    /// the upstream has recovered, so another one is permitted after this instant.
    Probing { next: Instant },
}

/// Permission to send one request. Its result is reported at most once; a permit that is dropped without a report
/// (the request was cancelled) counts neither as a success nor as a failure.
#[derive(Debug)]
pub(super) struct BreakerPermit {
    breaker: Arc<Breaker>,
    probe: bool,
    reported: bool,
}

impl Breaker {
    pub(super) fn new(failure_threshold: NonZeroU32, open_duration: Duration) -> Self {
        let state = Mutex::new(State::Closed { failures: 0 });
        Breaker { failure_threshold: failure_threshold.get(), open_duration, state }
    }

    /// Checks whether a request would be permitted now.
    ///
    /// # Errors
    /// The time to wait before a retry.
    pub(super) fn check(&self) -> Result<(), Duration> {
        self.lock().check()
    }

    /// Permits a request. A request that is permitted while the breaker is not closed is a probe.
    ///
    /// # Errors
    /// As [`Breaker::check`].
    pub(super) fn acquire(self: &Arc<Self>) -> Result<BreakerPermit, Duration> {
        let mut state = self.lock();
        state.check()?;
        let probe = !matches!(*state, State::Closed { .. });
        if probe {
            *state = State::Probing { next: monotonic() + self.open_duration };
        }
        Ok(BreakerPermit { breaker: Arc::clone(self), probe, reported: false })
    }

    fn record_success(&self, probe: bool) {
        let mut state = self.lock();
        if probe || matches!(*state, State::Closed { .. }) {
            *state = State::Closed { failures: 0 };
        }
    }

    fn record_failure(&self, probe: bool) {
        let mut state = self.lock();
        let open = State::Open { until: monotonic() + self.open_duration };
        *state = match *state {
            State::Probing { .. } if probe => open,
            State::Closed { failures } if failures + 1 < self.failure_threshold => {
                State::Closed { failures: failures + 1 }
            }
            State::Closed { .. } => open,
            // The request was sent before the breaker opened: its failure is already accounted for.
            other => other,
        };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(self) -> Result<(), Duration> {
        let (at, max_wait) = match self {
            State::Closed { .. } => return Ok(()),
            State::Open { until } => (until, Duration::MAX),
            State::Probing { next } => (next, MAX_PROBE_WAIT),
        };
        match at.saturating_duration_since(monotonic()) {
            Duration::ZERO => Ok(()),
            wait => Err(wait.min(max_wait)),
        }
    }
}

impl BreakerPermit {
    /// Records the beginning of an answer. It is enough for a probe, since the end can be minutes away.
    pub(super) fn record_answer(&mut self) {
        if self.probe {
            self.probe = false;
            self.breaker.record_success(true);
        }
    }

    /// Records how the request ended.
    pub(super) fn report(&mut self, outcome: &Result<Finish, CompletionError>) {
        self.reported = true;
        match outcome {
            Err(error) if is_upstream_failure(&error.kind) => self.breaker.record_failure(self.probe),
            _ => self.breaker.record_success(self.probe),
        }
    }
}

impl Drop for BreakerPermit {
    fn drop(&mut self) {
        if self.probe && !self.reported {
            // The next request becomes the probe, unless another probe has decided in the meantime.
            let mut state = self.breaker.lock();
            if matches!(*state, State::Probing { .. }) {
                *state = State::Probing { next: monotonic() };
            }
        }
    }
}

/// Whether an error counts as a failure of the upstream. Refusals do not: another request might have been accepted.
fn is_upstream_failure(kind: &CompletionErrorKind) -> bool {
    matches!(
        kind,
        CompletionErrorKind::Unavailable | CompletionErrorKind::Network | CompletionErrorKind::Timeout(_)
    )
}
