//! The state of one circuit breaker.

use std::collections::HashMap;
use std::time::Duration;

use causerie_domain::UserId;
use tokio::time::Instant;

use crate::clock::monotonic;

/// Maximum retry wait of a request that is rejected during a probe: by then the probe has probably ended.
const MAX_PROBE_WAIT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) enum State {
    /// Requests are permitted.
    Closed(Failures),
    /// Requests are rejected until this instant.
    Open { until: Instant },
    /// At least one probe is in progress, and the first result decides. A probe may hang until its timeout although
    /// the upstream has recovered, so another one is permitted after this instant.
    Probing { next: Instant },
}

/// Consecutive failures by user.
#[derive(Debug, Default)]
pub(super) struct Failures {
    by_user: HashMap<UserId, u32>,
}

impl Default for State {
    fn default() -> Self {
        State::Closed(Failures::default())
    }
}

impl State {
    /// Checks whether a request is permitted now.
    ///
    /// # Errors
    /// The time to wait before a retry.
    pub(super) fn check(&self) -> Result<(), Duration> {
        let (at, max_wait) = match *self {
            State::Closed(_) => return Ok(()),
            State::Open { until } => (until, Duration::MAX),
            State::Probing { next } => (next, MAX_PROBE_WAIT),
        };
        match at.saturating_duration_since(monotonic()) {
            Duration::ZERO => Ok(()),
            wait => Err(wait.min(max_wait)),
        }
    }
}

impl Failures {
    pub(super) fn add(&mut self, user: UserId) {
        *self.by_user.entry(user).or_default() += 1;
    }

    /// Returns the number of users with failures.
    pub(super) fn users(&self) -> usize {
        self.by_user.len()
    }

    /// Returns the number of failures, of which each user contributes at most `max_per_user`.
    pub(super) fn count(&self, max_per_user: u32) -> u32 {
        self.by_user.values().map(|failures| (*failures).min(max_per_user)).fold(0, u32::saturating_add)
    }
}
