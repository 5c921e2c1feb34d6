//! The time to wait before a retry, as the upstream states it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::error_body::ErrorBody;

/// Maximum wait. Daily limits end within a day; a longer wait is a mistake of the upstream.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Name of the header with the instant at which a rate limit is reset.
const RESET: &str = "x-ratelimit-reset";

/// Finds the wait of a response: `Retry-After`, else the availability's, else the reset of the rate limit; at most a
/// day.
///
/// Instants are compared with the response's `Date` header if there is one, so that neither clock has to be right.
pub(super) fn find(headers: &HeaderMap, body: &ErrorBody, now: SystemTime) -> Option<Duration> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let body_header =
        |name: &str| body.headers.iter().find(|(copied, _)| copied == name).map(|(_, text)| text.as_str());
    let now = header(DATE.as_str()).and_then(parse_date).unwrap_or(now);
    let retry_after = |text| parse_seconds(text).or_else(|| time_until(parse_date(text)?, now));
    let availability = || body.availability.as_ref().and_then(|availability| availability.retry_after);
    let reset = |text| time_until(parse_epoch(text)?, now);
    let wait = header(RETRY_AFTER.as_str())
        .and_then(retry_after)
        .or_else(|| body_header(RETRY_AFTER.as_str()).and_then(retry_after))
        .or_else(availability)
        .or_else(|| header(RESET).and_then(reset))
        .or_else(|| body_header(RESET).and_then(reset));
    wait.map(|wait| wait.min(MAX_WAIT))
}

/// Parses a number of seconds with or without a fraction; `None` for negative numbers and other texts.
pub(super) fn parse_seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
    let millis = format!("{fraction:0<3}").get(..3)?.parse::<u64>().ok()?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    // A number too large for u64 is still a valid, very long wait.
    Some(Duration::from_secs(whole.parse().unwrap_or(u64::MAX)).saturating_add(Duration::from_millis(millis)))
}

fn parse_date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text.trim()).ok()
}

/// Parses an instant in milliseconds since the epoch, or in seconds if the number is too small for this century.
fn parse_epoch(text: &str) -> Option<SystemTime> {
    let number: u64 = text.trim().parse().ok()?;
    let since_epoch =
        if number < 100_000_000_000 { Duration::from_secs(number) } else { Duration::from_millis(number) };
    UNIX_EPOCH.checked_add(since_epoch)
}

/// Returns the time until an instant; `None` if it has passed, so that the caller's backoff applies.
fn time_until(instant: SystemTime, now: SystemTime) -> Option<Duration> {
    instant.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_759_845_400;

    fn check(headers: &[(&'static str, &str)], error: serde_json::Value, expected: Option<u64>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        let found = find(&map, &ErrorBody::from_error(&error), now);
        assert_eq!(found, expected.map(Duration::from_millis), "{headers:?} {error}");
    }

    #[test]
    fn sources_are_read_in_order_of_precedence() {
        let reset = json!({"metadata":{"headers":{"X-RateLimit-Reset":"1759845420000"}}});
        let both = json!({
            "availability":{"code":"capacity_exhausted","retry_after":40},
            "metadata":{"headers":{"X-RateLimit-Reset":"1759845420000"}},
        });
        check(&[], json!({}), None);
        check(&[], reset.clone(), Some(20_000));
        check(&[], both.clone(), Some(40_000));
        check(&[("retry-after", "7")], both, Some(7_000));
        check(&[("x-ratelimit-reset", "1759845430000")], reset, Some(30_000));
        check(&[], json!({"metadata":{"headers":{"Retry-After":3}}}), Some(3_000));
        check(&[("x-ratelimit-reset", "1759845430")], json!({}), Some(30_000));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        check(&[("retry-after", "0")], json!({}), Some(0));
        check(&[("retry-after", "1.5")], json!({}), Some(1_500));
        check(&[("retry-after", "Tue, 07 Oct 2025 13:57:10 GMT")], json!({}), Some(30_000));
        check(&[("retry-after", "-3")], json!({}), None);
        check(&[("retry-after", "soon")], json!({}), None);
        check(&[("retry-after", "")], json!({}), None);
    }

    #[test]
    fn a_date_in_the_past_is_ignored_and_the_next_source_is_read() {
        let past = ("retry-after", "Tue, 07 Oct 2025 13:00:00 GMT");
        check(&[past], json!({}), None);
        check(&[past, ("x-ratelimit-reset", "1759845430000")], json!({}), Some(30_000));
        check(&[("x-ratelimit-reset", "1759845300000")], json!({}), None);
    }

    #[test]
    fn a_wait_is_at_most_a_day() {
        const DAY: Option<u64> = Some(86_400_000);
        for wait in ["86401", "99999999999", "18446744073709551615.9", "9".repeat(40).as_str()] {
            check(&[("retry-after", wait)], json!({}), DAY);
            check(&[], json!({"availability":{"code":"x","retry_after":wait}}), DAY);
        }
        check(&[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")], json!({}), DAY);
        check(&[("x-ratelimit-reset", "18446744073709551615")], json!({}), DAY);
        check(&[], json!({"availability":{"code":"x","retry_after":1e30}}), None);
    }

    #[test]
    fn instants_are_compared_with_the_date_header() {
        let headers = [("date", "Tue, 07 Oct 2025 13:57:10 GMT"), ("x-ratelimit-reset", "1759845435000")];
        check(&headers, json!({}), Some(5_000));
    }
}
