//! Decides whether and when a failed attempt is retried, for example after a rate limit (429). The functions are pure: the caller sends, sleeps and
//! provides the random number.

use std::time::Duration;

use causerie_domain::completion::{CompletionError, CompletionErrorKind};

use crate::core::settings::Settings;

/// Maximum pause before the first retry; it doubles with each retry.
const INITIAL_MAX_PAUSE: Duration = Duration::from_millis(500);
/// Maximum pause if the upstream names none.
const MAX_PAUSE: Duration = Duration::from_secs(8);
/// Maximum random addition to a pause that the upstream named, so that the retries do not arrive at the same time.
const MAX_JITTER: Duration = Duration::from_millis(500);
/// Maximum number of retries after an empty answer, also if the settings allow more.
const MAX_EMPTY_RETRIES: u32 = 1;

/// Limits of retries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    pub(crate) max_retries: u32,
    /// Maximum pause. If the upstream names a longer one, the turn fails and reports it.
    pub(crate) max_wait: Duration,
}

impl From<&Settings> for RetryPolicy {
    fn from(settings: &Settings) -> Self {
        RetryPolicy { max_retries: settings.max_retries, max_wait: settings.max_retry_wait }
    }
}

/// Failed attempt.
#[derive(Debug)]
pub(crate) struct FailedAttempt<'a> {
    pub(crate) error: &'a CompletionError,
    /// Number of retries before this failure.
    pub(crate) retries: u32,
    /// Whether readers have received a delta.
    pub(crate) delta_sent: bool,
    /// Number of output tokens that the upstream counted.
    pub(crate) output_tokens: u64,
}

/// Returns the pause before the next retry, or `None` if the attempt is not retried. `random` is uniform over all
/// values of its type.
pub(crate) fn pause_before_retry(
    policy: RetryPolicy,
    failed: &FailedAttempt<'_>,
    random: u32,
) -> Option<Duration> {
    // The gateway has queued the request for as long as it may wait.
    if failed.error.kind == CompletionErrorKind::Busy {
        return None;
    }
    let is_empty = failed.error.kind == CompletionErrorKind::Empty;
    let is_answer = is_empty || failed.error.kind == CompletionErrorKind::InvalidResponse;
    // A repetition would cost the same tokens again.
    if is_answer && failed.output_tokens > 0 {
        return None;
    }
    let allowed = if is_empty { policy.max_retries.min(MAX_EMPTY_RETRIES) } else { policy.max_retries };
    if failed.delta_sent || !failed.error.retryable || failed.retries >= allowed {
        return None;
    }
    match failed.error.retry_after {
        Some(wait) if wait > policy.max_wait => None,
        Some(wait) => Some(wait + fraction(MAX_JITTER, random)),
        None => {
            let limit = INITIAL_MAX_PAUSE.saturating_mul(1 << failed.retries.min(16)).min(MAX_PAUSE);
            Some(fraction(limit, random))
        }
    }
}

/// Returns `random / u32::MAX` of a duration.
fn fraction(duration: Duration, random: u32) -> Duration {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let fraction = u128::from(micros) * u128::from(random) / u128::from(u32::MAX);
    Duration::from_micros(u64::try_from(fraction).unwrap_or(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy { max_retries: 2, max_wait: Duration::from_secs(10) };

    fn pause(
        kind: CompletionErrorKind,
        wait: Option<u64>,
        retries: u32,
        delta_sent: bool,
    ) -> Option<Duration> {
        let mut error = CompletionError::new(kind, "no");
        error.retry_after = wait.map(Duration::from_secs);
        let failed = FailedAttempt { error: &error, retries, delta_sent, output_tokens: 0 };
        pause_before_retry(POLICY, &failed, u32::MAX)
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_end_with_the_last_retry() {
        let check = |retries, expected: Option<u64>| {
            let pause = pause(CompletionErrorKind::Unavailable, None, retries, false);
            assert_eq!(pause, expected.map(Duration::from_millis), "{retries}");
        };
        check(0, Some(500));
        check(1, Some(1000));
        check(2, None);
    }

    #[test]
    fn a_pause_that_the_upstream_names_is_kept_unless_it_is_too_long() {
        assert_eq!(
            pause(CompletionErrorKind::RateLimited, Some(2), 0, false),
            Some(Duration::from_millis(2500))
        );
        assert_eq!(pause(CompletionErrorKind::RateLimited, Some(11), 0, false), None);
    }

    #[test]
    fn an_attempt_is_not_retried_after_its_first_delta() {
        assert_eq!(pause(CompletionErrorKind::Interrupted, None, 0, true), None);
    }

    #[test]
    fn an_error_that_would_repeat_is_not_retried() {
        for kind in [
            CompletionErrorKind::DailyLimit,
            CompletionErrorKind::Authentication,
            CompletionErrorKind::PaymentRequired,
            CompletionErrorKind::Moderated,
            CompletionErrorKind::InvalidRequest,
            CompletionErrorKind::Cancelled,
            CompletionErrorKind::Busy,
        ] {
            assert_eq!(pause(kind.clone(), None, 0, false), None, "{kind:?}");
        }
    }

    #[test]
    fn an_empty_answer_is_retried_once() {
        assert!(pause(CompletionErrorKind::Empty, None, 0, false).is_some());
        assert_eq!(pause(CompletionErrorKind::Empty, None, 1, false), None);
    }

    #[test]
    fn an_answer_with_counted_output_is_not_asked_for_again() {
        for (kind, expected) in [
            (CompletionErrorKind::Empty, false),
            (CompletionErrorKind::InvalidResponse, false),
            (CompletionErrorKind::Unavailable, true),
        ] {
            let error = CompletionError::new(kind, "no");
            let failed = FailedAttempt { error: &error, retries: 0, delta_sent: false, output_tokens: 5 };
            assert_eq!(pause_before_retry(POLICY, &failed, 0).is_some(), expected, "{error:?}");
        }
    }

    #[test]
    fn the_random_number_selects_a_pause_from_zero_to_the_limit() {
        let error = CompletionError::new(CompletionErrorKind::Network, "no");
        let failed = FailedAttempt { error: &error, retries: 0, delta_sent: false, output_tokens: 0 };
        assert_eq!(pause_before_retry(POLICY, &failed, 0), Some(Duration::ZERO));
        assert_eq!(pause_before_retry(POLICY, &failed, u32::MAX / 2).unwrap().as_millis(), 249);
    }
}
