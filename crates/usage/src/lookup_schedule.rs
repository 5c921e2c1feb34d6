//! The schedule of look-ups of a generation record.

use std::time::Duration;

use causerie_domain::Timestamp;

/// The default time after the end of a request during which its record is looked up. After it,
/// [`settle_without_record`](crate::settle_without_record) applies.
pub const LOOKUP_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Seconds before each look-up, from the first. The record of a finished request appears after about a second, the
/// record of an aborted one after minutes; an outage of the upstream can last hours.
const WAITS: [u64; 12] = [1, 2, 4, 8, 60, 120, 300, 600, 1800, 3600, 7200, 14_400];

/// Returns the time of the next look-up, after `lookups` without a result, of a request that was closed at `closed_at`.
///
/// The last look-up is at the end of the window; after it the result is `None`.
pub fn next_lookup(
    closed_at: Timestamp,
    now: Timestamp,
    lookups: u32,
    window: Duration,
) -> Option<Timestamp> {
    let deadline = closed_at + window;
    if now >= deadline {
        return None;
    }
    let index = usize::try_from(lookups).unwrap_or(usize::MAX).min(WAITS.len() - 1);
    let wait = WAITS.get(index).copied().map(Duration::from_secs)?;
    Some((now + wait).min(deadline))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next_lookup(closed_at: Timestamp, now: Timestamp, lookups: u32) -> Option<Timestamp> {
        super::next_lookup(closed_at, now, lookups, LOOKUP_WINDOW)
    }

    #[test]
    fn waits_grow_from_seconds_to_hours_and_end_with_the_window() {
        let closed_at = Timestamp::from_micros(1_780_944_363_250_000);
        let mut now = closed_at;
        let mut due = Vec::new();
        while let Some(at) = next_lookup(closed_at, now, due.len().try_into().unwrap()) {
            due.push(at.since(closed_at).as_secs());
            now = at;
        }
        assert_eq!(
            due,
            [
                1, 3, 7, 15, 75, 195, 495, 1095, 2895, 6495, 13_695, 28_095, 42_495, 56_895, 71_295, 85_695,
                86_400
            ]
        );
    }

    #[test]
    fn a_late_look_up_does_not_shift_the_window() {
        let closed_at = Timestamp::from_micros(0);
        let check = |now_s: u64, lookups: u32, expected_s: Option<u64>| {
            let at = |seconds: u64| closed_at + Duration::from_secs(seconds);
            assert_eq!(next_lookup(closed_at, at(now_s), lookups), expected_s.map(at), "{now_s} {lookups}");
        };
        check(0, 0, Some(1));
        check(50_000, 0, Some(50_001));
        check(86_399, 0, Some(86_400));
        check(86_399, 3, Some(86_400));
        check(86_400, 0, None);
        check(1_000_000, u32::MAX, None);
        check(0, u32::MAX, Some(14_400));
    }

    #[test]
    fn no_instant_overflows() {
        assert_eq!(next_lookup(Timestamp::from_micros(i64::MAX), Timestamp::from_micros(i64::MAX), 0), None);
        let earliest = Timestamp::from_micros(i64::MIN);
        assert_eq!(next_lookup(earliest, earliest, 0), Some(earliest + Duration::from_secs(1)));
    }
}
