//! Circuit breakers: after too many consecutive failures requests are rejected, and one probe at a time tests whether
//! the upstream has recovered.
//!
//! Each model has a breaker, and the upstream as a whole has one for failures to reach it. Both exist twice: for all
//! users, and for each user alone. A user counts for at most half of the failures that open a breaker for all users, so
//! its requests alone never reject those of others.

mod state;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causerie_domain::UserId;
use causerie_domain::completion::{CompletionError, CompletionErrorKind, Finish, TimeoutKind};

use self::state::State;
use crate::clock::monotonic;

/// Maximum number of breakers with a state. Beyond it, breakers that are closed forget their failures.
const MAX_STATES: usize = 10_000;

/// Counts consecutive failures and decides whether requests may be sent.
#[derive(Debug)]
pub(super) struct Breakers {
    failure_threshold: u32,
    open_duration: Duration,
    /// A breaker without failures has no state.
    states: Mutex<HashMap<Key, State>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    scope: Scope,
    /// User whose requests the breaker rejects; `None` for all users.
    user: Option<UserId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scope {
    Upstream,
    Model(Arc<str>),
}

/// Permission to send one request. Its result is reported at most once; a permit that is dropped without a report
/// (the request was cancelled) counts neither as a success nor as a failure.
#[derive(Debug)]
pub(super) struct BreakerPermit {
    breakers: Arc<Breakers>,
    user: UserId,
    keys: [PermitKey; 4],
}

/// Share of a permit in one breaker.
#[derive(Debug)]
struct PermitKey {
    key: Key,
    is_probe: bool,
}

/// Effect of the result of a request on a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Success,
    Failure,
    Unknown,
}

impl Breakers {
    pub(super) fn new(failure_threshold: NonZeroU32, open_duration: Duration) -> Self {
        Breakers { failure_threshold: failure_threshold.get(), open_duration, states: Mutex::default() }
    }

    /// Checks whether a request would be permitted now.
    ///
    /// # Errors
    /// The time to wait before a retry.
    pub(super) fn check(&self, model: &str, user: UserId) -> Result<(), Duration> {
        check_all(&self.lock(), &keys(model, user))
    }

    /// Permits a request. A request that is permitted while a breaker is not closed is a probe of it.
    ///
    /// # Errors
    /// As [`Breakers::check`].
    pub(super) fn acquire(self: &Arc<Self>, model: &str, user: UserId) -> Result<BreakerPermit, Duration> {
        let keys = keys(model, user);
        let mut states = self.lock();
        check_all(&states, &keys)?;
        let next = monotonic() + self.open_duration;
        let keys = keys.map(|key| {
            let state = states.get_mut(&key).filter(|state| !matches!(state, State::Closed(_)));
            let is_probe = state.map(|state| *state = State::Probing { next }).is_some();
            PermitKey { key, is_probe }
        });
        drop(states);
        Ok(BreakerPermit { breakers: Arc::clone(self), user, keys })
    }

    /// Returns the number of failures by one user that count towards the threshold.
    fn max_failures_per_user(&self, key: &Key) -> u32 {
        if key.user.is_some() { self.failure_threshold } else { (self.failure_threshold / 2).max(1) }
    }

    fn record_success(&self, key: &PermitKey) {
        let mut states = self.lock();
        if key.is_probe || matches!(states.get(&key.key), Some(State::Closed(_))) {
            states.remove(&key.key);
        }
    }

    fn record_failure(&self, key: &PermitKey, user: UserId) {
        let mut states = self.lock();
        if states.len() >= MAX_STATES {
            states.retain(|_, state| !matches!(state, State::Closed(_)));
        }
        let state = states.entry(key.key.clone()).or_default();
        let has_failed = match state {
            State::Probing { .. } => key.is_probe,
            State::Closed(failures) => {
                failures.add(user);
                // One user never opens a breaker for all users, not even with a threshold of one.
                let has_enough_users = key.key.user.is_some() || failures.users() > 1;
                has_enough_users
                    && failures.count(self.max_failures_per_user(&key.key)) >= self.failure_threshold
            }
            // The request was sent before the breaker opened: its failure is already accounted for.
            State::Open { .. } => false,
        };
        if has_failed {
            *state = State::Open { until: monotonic() + self.open_duration };
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the breakers that decide on a request.
fn keys(model: &str, user: UserId) -> [Key; 4] {
    let model = Scope::Model(model.into());
    [
        Key { scope: Scope::Upstream, user: None },
        Key { scope: Scope::Upstream, user: Some(user) },
        Key { scope: model.clone(), user: None },
        Key { scope: model, user: Some(user) },
    ]
}

fn check_all(states: &HashMap<Key, State>, keys: &[Key]) -> Result<(), Duration> {
    keys.iter().filter_map(|key| states.get(key)).try_for_each(State::check)
}

impl BreakerPermit {
    /// Records the beginning of an answer. It is enough for a probe, since the end can be minutes away.
    pub(super) fn record_answer(&mut self) {
        for key in self.keys.iter_mut().filter(|key| key.is_probe) {
            self.breakers.record_success(key);
            key.is_probe = false;
        }
    }

    /// Records how the request ended.
    pub(super) fn report(&mut self, outcome: &Result<Finish, CompletionError>) {
        for key in &mut self.keys {
            match effect(&key.key.scope, outcome.as_ref().err().map(|error| &error.kind)) {
                Effect::Success => self.breakers.record_success(key),
                Effect::Failure => self.breakers.record_failure(key, self.user),
                Effect::Unknown => continue,
            }
            key.is_probe = false;
        }
    }
}

impl Drop for BreakerPermit {
    fn drop(&mut self) {
        for key in self.keys.iter().filter(|key| key.is_probe) {
            // The next request becomes the probe, unless another probe has decided in the meantime.
            let mut states = self.breakers.lock();
            if let Some(State::Probing { next }) = states.get_mut(&key.key) {
                *next = monotonic();
            }
        }
    }
}

/// Returns the effect of an error on a scope. Refusals are successes: another request might have been accepted.
fn effect(scope: &Scope, error: Option<&CompletionErrorKind>) -> Effect {
    let is_unreachable = matches!(
        error,
        Some(CompletionErrorKind::Network | CompletionErrorKind::Timeout(TimeoutKind::Connect))
    );
    let is_failing =
        matches!(error, Some(CompletionErrorKind::Unavailable | CompletionErrorKind::Timeout(_)));
    match scope {
        Scope::Upstream if is_unreachable => Effect::Failure,
        Scope::Model(_) if is_unreachable => Effect::Unknown,
        Scope::Model(_) if is_failing => Effect::Failure,
        // Silence until a timeout may be the fault of the model or of the upstream.
        Scope::Upstream if matches!(error, Some(CompletionErrorKind::Timeout(_))) => Effect::Unknown,
        Scope::Upstream | Scope::Model(_) => Effect::Success,
    }
}
