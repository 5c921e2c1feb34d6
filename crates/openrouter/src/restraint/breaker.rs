//! The breaker: an upstream that failed often in a row is left alone, then probed by one request at a time.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causerie_domain::completion::{CompletionError, CompletionErrorKind, Finish};
use tokio::time::Instant;

use crate::clock::monotonic;

/// What a request is told that comes while a probe is under way: by then its outcome is likely to be known.
const PROBE_WAIT: Duration = Duration::from_secs(1);

/// Counts failures in a row.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_to_open: u32,
    open_for: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Requests pass; so many have failed since the last that did not.
    Closed { failures: u32 },
    /// None passes before this instant.
    Open { until: Instant },
    /// One has passed, and its outcome decides.
    Probing,
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
    pub(super) fn new(failures_to_open: NonZeroU32, open_for: Duration) -> Self {
        let state = Mutex::new(State::Closed { failures: 0 });
        Breaker { failures_to_open: failures_to_open.get(), open_for, state }
    }

    /// Whether a request would pass now.
    ///
    /// # Errors
    /// The time after which another try makes sense.
    pub(super) fn check(&self) -> Result<(), Duration> {
        match *self.lock() {
            State::Closed { .. } => Ok(()),
            State::Open { until } => match until.saturating_duration_since(monotonic()) {
                Duration::ZERO => Ok(()),
                wait => Err(wait),
            },
            State::Probing => Err(PROBE_WAIT),
        }
    }

    /// Lets a request pass. The first one after the pause is the probe.
    ///
    /// # Errors
    /// As [`Breaker::check`].
    pub(super) fn pass(self: &Arc<Self>) -> Result<Passage, Duration> {
        let mut state = self.lock();
        let probe = match *state {
            State::Closed { .. } => false,
            State::Open { until } => match until.saturating_duration_since(monotonic()) {
                Duration::ZERO => true,
                wait => return Err(wait),
            },
            State::Probing => return Err(PROBE_WAIT),
        };
        if probe {
            *state = State::Probing;
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
        let open = State::Open { until: monotonic() + self.open_for };
        *state = match *state {
            _ if probe => open,
            State::Closed { failures } if failures + 1 < self.failures_to_open => {
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
            // The next request probes instead.
            *self.breaker.lock() = State::Open { until: monotonic() };
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
