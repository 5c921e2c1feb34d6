//! Days of named time zones, and half-open time spans.
//!
//! Time zones come from the database that is compiled in, so each instance uses the same boundaries.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan as _;
use jiff::civil;

use crate::Timestamp;

/// Maximum number of days in a list: a year, and a month for comparison.
pub const MAX_DAYS: usize = 400;

/// Calendar day of the years 0 to 9999, displayed as `2026-11-22`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(civil::Date);

/// The text is not a date of the form `2026-11-22`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it must be a date such as 2026-11-22")]
pub struct InvalidDate;

/// Time zone with an IANA name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(jiff::tz::TimeZone);

/// No time zone has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it must be the IANA name of a time zone, such as UTC or Europe/Berlin")]
pub struct UnknownTimeZone;

/// Half-open range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Inclusive start.
    pub from: Timestamp,
    /// Exclusive end.
    pub to: Timestamp,
}

/// Day, or the part of a day that lies in a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    pub date: Date,
    /// Start and end. A day has 23 or 25 hours where the clock changes.
    pub span: Span,
}

/// Boundary of a span as a client gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// Start of a day in the time zone.
    Date(Date),
    Instant(Timestamp),
}

/// The text is neither a date nor a date-time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it must be a date such as 2026-11-22 or an RFC 3339 date-time such as 2026-11-22T18:30:00Z")]
pub struct InvalidBoundary;

/// The span covers more than [`MAX_DAYS`] days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {MAX_DAYS} days can be told apart")]
pub struct TooManyDays;

/// The end of the span is before its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must not be after the end of the range, {to}")]
pub struct BackwardSpan {
    pub to: Timestamp,
}

impl TimeZone {
    /// Returns the time zone UTC.
    pub fn utc() -> Self {
        TimeZone(jiff::tz::TimeZone::UTC)
    }

    /// Returns the IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Returns the first instant of a day. Where the clock skips midnight, the day starts after the gap.
    pub fn start_of(&self, date: Date) -> Timestamp {
        match date.0.to_zoned(self.0.clone()) {
            Ok(start) => Timestamp::from_micros(start.timestamp().as_microsecond()),
            // The offset leaves the range of the calendar only at its ends.
            Err(_) => Timestamp::from_micros(if date.0.year() > 5000 { i64::MAX } else { i64::MIN }),
        }
    }

    /// Returns the day that contains an instant.
    pub fn date_of(&self, instant: Timestamp) -> Date {
        match jiff::Timestamp::from_microsecond(instant.as_micros()) {
            Ok(instant) => Date(instant.to_zoned(self.0.clone()).date()),
            Err(_) => Date(if instant.as_micros() > 0 { civil::Date::MAX } else { civil::Date::MIN }),
        }
    }

    /// Returns the span between two boundaries. The default end is the end of the current day; the default start is
    /// the start of the month that contains the end.
    ///
    /// # Errors
    /// [`BackwardSpan`]
    pub fn span(
        &self,
        from: Option<Boundary>,
        to: Option<Boundary>,
        now: Timestamp,
    ) -> Result<Span, BackwardSpan> {
        let instant = |boundary| match boundary {
            Boundary::Date(date) => self.start_of(date),
            Boundary::Instant(instant) => instant,
        };
        let to = to.map_or_else(|| self.start_of(self.date_of(now).next()), instant);
        let last = Timestamp::from_micros(to.as_micros().saturating_sub(1));
        let from = from.map_or_else(|| self.start_of(self.date_of(last).first_of_month()), instant);
        if from > to { Err(BackwardSpan { to }) } else { Ok(Span { from, to }) }
    }

    /// Returns the days of a span in order. Each instant of the span is in exactly one of them.
    ///
    /// # Errors
    /// [`TooManyDays`]
    pub fn days(&self, span: Span) -> Result<Vec<Day>, TooManyDays> {
        let mut days = Vec::new();
        let mut date = self.date_of(span.from);
        let mut from = span.from;
        while from < span.to {
            let next = date.next();
            let to = if next == date { span.to } else { self.start_of(next).min(span.to) };
            // A zone that crosses the date line skips a day; that day has no instants.
            if from < to {
                if days.len() == MAX_DAYS {
                    return Err(TooManyDays);
                }
                days.push(Day { date, span: Span { from, to } });
                from = to;
            }
            date = next;
        }
        Ok(days)
    }
}

impl Date {
    /// Returns the following day; the last day of the calendar returns itself.
    pub(crate) fn next(self) -> Date {
        Date(self.0.saturating_add(1.day()))
    }

    pub(crate) fn first_of_month(self) -> Date {
        Date(self.0.first_of_month())
    }

    pub(crate) fn last_of_month(self) -> Date {
        Date(self.0.last_of_month())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Date {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        let date: civil::Date = text.parse().map_err(|_| InvalidDate)?;
        // The parser also accepts other forms, among them date-times, whose time would be lost.
        if date.to_string() == text { Ok(Date(date)) } else { Err(InvalidDate) }
    }
}

impl FromStr for TimeZone {
    type Err = UnknownTimeZone;

    fn from_str(name: &str) -> Result<Self, UnknownTimeZone> {
        jiff::tz::TimeZone::get(name).map(TimeZone).map_err(|_| UnknownTimeZone)
    }
}

impl FromStr for Boundary {
    type Err = InvalidBoundary;

    fn from_str(text: &str) -> Result<Self, InvalidBoundary> {
        let date = text.parse().map(Boundary::Date);
        date.or_else(|_| text.parse().map(Boundary::Instant)).map_err(|_| InvalidBoundary)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn zone(name: &str) -> TimeZone {
        name.parse().unwrap()
    }

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Returns the days between two dates of a zone with their length in hours.
    fn days(name: &str, from: &str, to: &str) -> Vec<(String, i64)> {
        let zone = zone(name);
        let span = Span { from: zone.start_of(date(from)), to: zone.start_of(date(to)) };
        let days = zone.days(span).unwrap().into_iter();
        days.map(|day| (day.date.to_string(), (day.span.to.as_micros() - day.span.from.as_micros()) / HOUR))
            .collect()
    }

    #[test]
    fn days_are_as_long_as_clocks_make_them() {
        let check = |name: &str, from: &str, to: &str, expected: &[(&str, i64)]| {
            let expected: Vec<_> = expected.iter().map(|(day, hours)| ((*day).to_owned(), *hours)).collect();
            assert_eq!(days(name, from, to), expected, "{name} {from}");
        };
        check("UTC", "2026-03-29", "2026-03-30", &[("2026-03-29", 24)]);
        check("Europe/Berlin", "2026-03-28", "2026-03-30", &[("2026-03-28", 24), ("2026-03-29", 23)]);
        check("Europe/Berlin", "2026-10-25", "2026-10-26", &[("2026-10-25", 25)]);
        // The gap is at midnight: the day starts at one o'clock.
        check("America/Sao_Paulo", "2018-11-03", "2018-11-05", &[("2018-11-03", 24), ("2018-11-04", 23)]);
        // The day at the change of the date line does not exist.
        check("Pacific/Apia", "2011-12-29", "2012-01-01", &[("2011-12-29", 24), ("2011-12-31", 24)]);
    }

    #[test]
    fn without_boundaries_the_span_is_the_month_so_far() {
        let now = instant("2026-11-30T23:30:00Z");
        let check = |name: &str, from: Option<&str>, to: Option<&str>, expected: (&str, &str)| {
            let read = |text: &str| text.parse().unwrap();
            let span = zone(name).span(from.map(read), to.map(read), now).unwrap();
            let expected = Span { from: instant(expected.0), to: instant(expected.1) };
            assert_eq!(span, expected, "{name} {from:?} {to:?}");
        };
        check("UTC", None, None, ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"));
        check("Europe/Berlin", None, None, ("2026-11-30T23:00:00Z", "2026-12-01T23:00:00Z"));
        check("UTC", None, Some("2026-11-01"), ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"));
        check("UTC", Some("2026-11-29"), None, ("2026-11-29T00:00:00Z", "2026-12-01T00:00:00Z"));
        check(
            "Asia/Kolkata",
            Some("2026-01-01"),
            Some("2026-01-01T00:00:00Z"),
            ("2025-12-31T18:30:00Z", "2026-01-01T00:00:00Z"),
        );
        let backward =
            zone("UTC").span(Some(Boundary::Instant(now)), Some("2026-11-01".parse().unwrap()), now);
        assert_eq!(backward, Err(BackwardSpan { to: instant("2026-11-01T00:00:00Z") }));
    }

    #[test]
    fn only_dates_and_date_times_are_boundaries() {
        for text in
            ["", "today", "2026-11", "20261122", "2026-02-30", "2026-11-22T18:30", "22.11.2026", "1e9"]
        {
            assert_eq!(text.parse::<Boundary>(), Err(InvalidBoundary), "{text}");
        }
        for name in ["", "Europe/Atlantis", "../UTC", "CEST+1", "Europe"] {
            assert_eq!(name.parse::<TimeZone>(), Err(UnknownTimeZone), "{name}");
        }
    }

    #[test]
    fn a_span_has_a_bounded_number_of_days() {
        let span = |to: &str| Span { from: instant("2025-01-01T00:00:00Z"), to: instant(to) };
        assert_eq!(zone("UTC").days(span("2026-02-05T00:00:00Z")).map(|days| days.len()), Ok(MAX_DAYS));
        assert_eq!(zone("UTC").days(span("2026-02-05T00:00:01Z")), Err(TooManyDays));
        assert_eq!(zone("UTC").days(span("2025-01-01T00:00:00Z")), Ok(Vec::new()));
    }

    #[test]
    fn the_first_and_last_days_are_valid() {
        for zone in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"].map(zone) {
            for text in ["0000-01-01", "9999-12-31"] {
                let start = zone.start_of(date(text));
                let span = Span { from: start, to: Timestamp::from_micros(i64::MAX) };
                assert!(zone.days(span).is_ok_and(|days| days.len() < 3) || text.starts_with('0'));
            }
        }
    }

    proptest! {
        #[test]
        fn days_are_a_partition_of_their_span(
            name in select(vec!["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Tehran"]),
            from in 1_300_000_000_000_000i64..1_800_000_000_000_000,
            length in 0i64..30 * 24 * HOUR,
        ) {
            let zone = zone(name);
            let span = Span { from: Timestamp::from_micros(from), to: Timestamp::from_micros(from + length) };
            let mut end = span.from;
            for day in zone.days(span).unwrap() {
                prop_assert_eq!(day.span.from, end);
                prop_assert!(day.span.from < day.span.to);
                prop_assert_eq!(zone.date_of(day.span.from), day.date);
                let last = Timestamp::from_micros(day.span.to.as_micros() - 1);
                prop_assert_eq!(zone.date_of(last), day.date);
                end = day.span.to;
            }
            prop_assert_eq!(end, span.to);
        }
    }
}
