//! The breaker: an upstream that failed often in a row is left alone, then probed by one request now and then.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causerie_domain::completion::{CompletionError, CompletionErrorKind, Finish};
use tokio::time::Instant;

use crate::clock::monotonic;

/// What a request is told at most that comes while a probe is under way: by then its outcome is likely to be known.
const PROBE_WAIT: Duration = Duration::from_secs(1);

/// Counts failures in a row.
#[derive(Debug)]
pub(super) struct Breaker {
    breaker_failure_threshold: u32,
    breaker_open_duration: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Requests pass; so many have failed since the last that did not.
    Closed { failures: u32 },
    /// None passes before this instant.
    Open { until: Instant },
    /// Some have passed, and the first outcome decides. A probe may hang for as long as its timeouts let it, and the
    /// upstream be well long before: after this instant another one passes.
    Probing { next: Instant },
}

/// The right of one request to be sent. What becomes of it is reported at most once; dropped unreported (the
/// request was cancelled) it counts as neither.
#[derive(Debug)]
pub(super) struct Passage {
    breaker: Arc<Breaker>,
    probe: bool,
    reported: bool,
}

impl Breaker {
    pub(super) fn new(breaker_failure_threshold: NonZeroU32, breaker_open_duration: Duration) -> Self {
        let state = Mutex::new(State::Closed { failures: 0 });
        Breaker { breaker_failure_threshold: breaker_failure_threshold.get(), breaker_open_duration, state }
    }

    /// Whether a request would pass now.
    ///
    /// # Errors
    /// The time after which another try makes sense.
    pub(super) fn check(&self) -> Result<(), Duration> {
        self.lock().let_pass()
    }

    /// Lets a request pass. One that passes while the breaker is not closed is a probe.
    ///
    /// # Errors
    /// As [`Breaker::check`].
    pub(super) fn pass(self: &Arc<Self>) -> Result<Passage, Duration> {
        let mut state = self.lock();
        state.let_pass()?;
        let probe = !matches!(*state, State::Closed { .. });
        if probe {
            *state = State::Probing { next: monotonic() + self.breaker_open_duration };
        }
        Ok(Passage { breaker: Arc::clone(self), probe, reported: false })
    }

    fn succeeded(&self, probe: bool) {
        let mut state = self.lock();
        if probe || matches!(*state, State::Closed { .. }) {
            *state = State::Closed { failures: 0 };
        }
    }

    fn failed(&self, probe: bool) {
        let mut state = self.lock();
        let open = State::Open { until: monotonic() + self.breaker_open_duration };
        *state = match *state {
            State::Probing { .. } if probe => open,
            State::Closed { failures } if failures + 1 < self.breaker_failure_threshold => {
                State::Closed { failures: failures + 1 }
            }
            State::Closed { .. } => open,
            // A request from before the breaker opened says nothing new.
            other => other,
        };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn let_pass(self) -> Result<(), Duration> {
        let (at, longest) = match self {
            State::Closed { .. } => return Ok(()),
            State::Open { until } => (until, Duration::MAX),
            State::Probing { next } => (next, PROBE_WAIT),
        };
        match at.saturating_duration_since(monotonic()) {
            Duration::ZERO => Ok(()),
            wait => Err(wait.min(longest)),
        }
    }
}

impl Passage {
    /// Tells that an answer has begun: the end of a probe's can be minutes away, and nobody needs to wait for it.
    pub(super) fn answered(&mut self) {
        if self.probe {
            self.probe = false;
            self.breaker.succeeded(true);
        }
    }

    /// Tells how the request ended.
    pub(super) fn report(&mut self, outcome: &Result<Finish, CompletionError>) {
        self.reported = true;
        match outcome {
            Err(error) if tells_of_a_failing_upstream(&error.kind) => self.breaker.failed(self.probe),
            _ => self.breaker.succeeded(self.probe),
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if self.probe && !self.reported {
            // The next request probes instead, unless another probe has decided meanwhile.
            let mut state = self.breaker.lock();
            if matches!(*state, State::Probing { .. }) {
                *state = State::Probing { next: monotonic() };
            }
        }
    }
}

/// A refusal is an answer: only what no request could have avoided counts against the upstream.
fn tells_of_a_failing_upstream(kind: &CompletionErrorKind) -> bool {
    matches!(
        kind,
        CompletionErrorKind::Unavailable | CompletionErrorKind::Network | CompletionErrorKind::Timeout(_)
    )
}
