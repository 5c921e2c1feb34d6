//! Whether a failed attempt is tried again, and when. Pure: the caller sends, sleeps and throws the dice.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causerie_domain::completion::{CompletionError, CompletionErrorKind};
use tokio::time::Instant;

use crate::core::settings::Settings;

/// The first pause at most; it doubles with every further try.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// No pause of our own choosing is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// An upstream's wait is stretched by up to this much, so that those it told to come back do not come at once.
const SPREAD: Duration = Duration::from_millis(500);
/// Tries beyond the first that an empty answer gets, whatever is set.
const EMPTY_RETRIES: u32 = 1;

/// The rules of retrying.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    /// Tries beyond the first.
    pub(crate) max_retries: u32,
    /// A longer wait is told to the reader instead of waited for.
    pub(crate) max_wait: Duration,
}

impl From<&Settings> for RetryPolicy {
    fn from(settings: &Settings) -> Self {
        RetryPolicy { max_retries: settings.max_retries, max_wait: settings.max_retry_wait }
    }
}

/// What is known when an attempt has failed.
#[derive(Debug)]
pub(crate) struct Failed<'a> {
    /// How it failed.
    pub(crate) error: &'a CompletionError,
    /// Tries made beyond the first.
    pub(crate) retries: u32,
    /// Whether the reader has seen a piece of the answer.
    pub(crate) delta_seen: bool,
}

/// After how long to try again, or `None` to give up. `dice` is uniform over its whole range.
pub(crate) fn pause_before_retry(policy: RetryPolicy, failed: &Failed<'_>, dice: u32) -> Option<Duration> {
    let empty = failed.error.kind == CompletionErrorKind::Empty;
    let allowed = if empty { policy.max_retries.min(EMPTY_RETRIES) } else { policy.max_retries };
    if failed.delta_seen || !failed.error.retryable || failed.retries >= allowed {
        return None;
    }
    match failed.error.retry_after {
        Some(wait) if wait > policy.max_wait => None,
        Some(wait) => Some(wait + share(SPREAD, dice)),
        None => {
            let ceiling = FIRST_PAUSE.saturating_mul(1 << failed.retries.min(16)).min(LONGEST_PAUSE);
            Some(share(ceiling, dice))
        }
    }
}

fn share(whole: Duration, dice: u32) -> Duration {
    let micros = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
    let share = u128::from(micros) * u128::from(dice) / u128::from(u32::MAX);
    Duration::from_micros(u64::try_from(share).unwrap_or(micros))
}

/// A budget of retries that all turns of the process share.
///
/// When the upstream fails for everybody, retrying adds a twentieth to the load instead of multiplying it. A quiet
/// process still has a few: the budget begins with ten and refills by one each ten seconds up to that.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    state: Mutex<BudgetState>,
}

#[derive(Debug)]
struct BudgetState {
    /// In thousandths of a retry.
    thousandths: u64,
    refilled_at: Instant,
}

const PER_RETRY: u64 = 1000;
const PER_FIRST_TRY: u64 = 50;
const PER_SECOND: u64 = 100;
const QUIET_LEVEL: u64 = 10 * PER_RETRY;
const HIGHEST_LEVEL: u64 = 50 * PER_RETRY;

impl RetryBudget {
    /// A budget at its quiet level.
    pub(crate) fn new(now: Instant) -> Self {
        RetryBudget { state: Mutex::new(BudgetState { thousandths: QUIET_LEVEL, refilled_at: now }) }
    }

    /// Counts a first try.
    pub(crate) fn earn(&self) {
        let mut state = self.lock();
        state.thousandths = (state.thousandths + PER_FIRST_TRY).min(HIGHEST_LEVEL);
    }

    /// Takes one retry out, if one is left.
    pub(crate) fn spend(&self, now: Instant) -> bool {
        let mut state = self.lock();
        state.refill(now);
        match state.thousandths.checked_sub(PER_RETRY) {
            Some(rest) => {
                state.thousandths = rest;
                true
            }
            None => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BudgetState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BudgetState {
    fn refill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.refilled_at).as_secs();
        self.refilled_at += Duration::from_secs(seconds);
        if self.thousandths < QUIET_LEVEL {
            self.thousandths = (self.thousandths + seconds.saturating_mul(PER_SECOND)).min(QUIET_LEVEL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clock::monotonic;

    const POLICY: RetryPolicy = RetryPolicy { max_retries: 2, max_wait: Duration::from_secs(10) };

    fn pause(
        kind: CompletionErrorKind,
        wait: Option<u64>,
        retries: u32,
        delta_seen: bool,
    ) -> Option<Duration> {
        let mut error = CompletionError::new(kind, "no");
        error.retry_after = wait.map(Duration::from_secs);
        pause_before_retry(POLICY, &Failed { error: &error, retries, delta_seen }, u32::MAX)
    }

    #[test]
    fn own_pauses_double_up_to_a_ceiling_and_stop_at_the_limit() {
        let check = |retries, expected: Option<u64>| {
            let pause = pause(CompletionErrorKind::Unavailable, None, retries, false);
            assert_eq!(pause, expected.map(Duration::from_millis), "{retries}");
        };
        check(0, Some(500));
        check(1, Some(1000));
        check(2, None);
    }

    #[test]
    fn the_upstreams_wait_is_kept_unless_it_is_too_long() {
        assert_eq!(
            pause(CompletionErrorKind::RateLimited, Some(2), 0, false),
            Some(Duration::from_millis(2500))
        );
        assert_eq!(pause(CompletionErrorKind::RateLimited, Some(11), 0, false), None);
    }

    #[test]
    fn nothing_is_tried_again_that_a_reader_has_begun_to_see() {
        assert_eq!(pause(CompletionErrorKind::Interrupted, None, 0, true), None);
    }

    #[test]
    fn what_cannot_help_is_not_tried_again() {
        for kind in [
            CompletionErrorKind::DailyLimit,
            CompletionErrorKind::Authentication,
            CompletionErrorKind::PaymentRequired,
            CompletionErrorKind::Moderated,
            CompletionErrorKind::InvalidRequest,
            CompletionErrorKind::Cancelled,
        ] {
            assert_eq!(pause(kind.clone(), None, 0, false), None, "{kind:?}");
        }
    }

    #[test]
    fn an_empty_answer_is_tried_again_once() {
        assert!(pause(CompletionErrorKind::Empty, None, 0, false).is_some());
        assert_eq!(pause(CompletionErrorKind::Empty, None, 1, false), None);
    }

    #[test]
    fn the_dice_spread_a_pause_over_its_whole_length() {
        let error = CompletionError::new(CompletionErrorKind::Network, "no");
        let failed = Failed { error: &error, retries: 0, delta_seen: false };
        assert_eq!(pause_before_retry(POLICY, &failed, 0), Some(Duration::ZERO));
        assert_eq!(pause_before_retry(POLICY, &failed, u32::MAX / 2).unwrap().as_millis(), 249);
    }

    #[test]
    fn retries_of_a_busy_process_are_a_twentieth_of_its_first_tries() {
        let now = monotonic();
        let budget = RetryBudget::new(now);
        let mut retries = 0;
        for _ in 0..1000 {
            budget.earn();
            retries += u32::from(budget.spend(now));
        }
        assert_eq!(retries, 10 + 50);
    }

    #[test]
    fn a_quiet_process_gets_its_retries_back_with_time() {
        let now = monotonic();
        let budget = RetryBudget::new(now);
        let spent = |now| std::iter::repeat_with(|| budget.spend(now)).take_while(|spent| *spent).count();
        assert_eq!(spent(now), 10);
        assert_eq!(spent(now + Duration::from_secs(9)), 0);
        assert_eq!(spent(now + Duration::from_secs(20)), 2);
        assert_eq!(spent(now + Duration::from_secs(3600)), 10);
    }
}
