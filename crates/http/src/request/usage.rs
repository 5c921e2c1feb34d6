//! The parameters by which rows of the ledger are chosen.

use causerie_domain::Timestamp;
use causerie_domain::calendar::{Boundary, Day, Span, TimeZone};
use causerie_domain::usage::reports::{GroupKey, Grouping};
use causerie_runtime::SelectUsage;
use utoipa::IntoParams;

use super::Query;
use crate::dto::UsageGroupCursor;
use crate::error::Problem;

/// Which requests are meant, as the OpenAPI document says it.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description alone: `Query` reads the parameters, with errors of its own")]
pub(crate) struct UsageParams {
    /// The begin of the range: a date such as `2026-11-01`, which begins at its midnight in `tz`, or an RFC 3339
    /// date-time. Without it the range begins with the month in which it ends.
    from: Option<String>,
    /// The end of the range, which is not part of it: a date or a date-time. Without it the range ends with today.
    to: Option<String>,
    /// The IANA name of the time zone of dates and days; `UTC` if nothing is said.
    tz: Option<String>,
    /// Only requests that asked for this model.
    model: Option<String>,
    /// Only requests with this tool, by its slug or its id.
    tool: Option<String>,
    /// Only requests of this user, by its id.
    user: Option<String>,
    /// Only requests on the account of this group, by its id.
    group: Option<String>,
    /// Only requests of this session, by its id.
    session: Option<String>,
}

/// Takes the parameters that choose rows, and the time zone that they are meant in.
///
/// # Errors
/// The parameter that cannot be taken.
pub(crate) fn selection(query: &mut Query, now: Timestamp) -> Result<(SelectUsage, TimeZone), Problem> {
    let zone = query.read("tz")?.unwrap_or_else(TimeZone::utc);
    let (from, to) = (query.read::<Boundary>("from")?, query.read::<Boundary>("to")?);
    let span = zone.span(from, to, now).map_err(|error| Problem::parameter("from", error))?;
    let rows = SelectUsage {
        span,
        model: query.text("model"),
        tool: query.text("tool"),
        user_id: query.read("user")?,
        group_id: query.read("group")?,
        session_id: query.read("session")?,
    };
    Ok((rows, zone))
}

/// Takes what a report is grouped by, and the days if it is grouped by them.
///
/// # Errors
/// An unknown field, one that is named twice, or too many days.
pub(crate) fn grouping(
    query: &mut Query,
    span: Span,
    zone: &TimeZone,
) -> Result<(Vec<Grouping>, Vec<Day>), Problem> {
    let refuse = |detail: &dyn std::fmt::Display| Problem::parameter("group_by", detail);
    let mut group_by: Vec<Grouping> = Vec::new();
    for word in query.text("group_by").iter().flat_map(|words| words.split(',')) {
        let grouping = word.parse().map_err(|error| refuse(&error))?;
        if group_by.contains(&grouping) {
            return Err(refuse(&format_args!("{grouping} is named twice")));
        }
        group_by.push(grouping);
    }
    let days = match group_by.contains(&Grouping::Day) {
        true => zone.days(span).map_err(|error| refuse(&error))?,
        false => Vec::new(),
    };
    Ok((group_by, days))
}

/// Takes the cursor of a report that is grouped by these fields.
///
/// # Errors
/// A text that is not a cursor, or the cursor of a report with another grouping.
pub(crate) fn report_cursor(query: &mut Query, group_by: &[Grouping]) -> Result<Option<GroupKey>, Problem> {
    match query.cursor::<UsageGroupCursor>()? {
        Some(place) if place.group_by != group_by => {
            Err(Problem::parameter("cursor", "it belongs to a report that is grouped by other fields"))
        }
        place => Ok(place.map(|place| place.key)),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(text: &str) -> Result<(SelectUsage, Vec<Grouping>, Vec<Day>), Problem> {
        let request = TestRequest::with_uri(&format!("/?{text}")).to_http_request();
        let mut query = Query::of(&request)?;
        let (rows, zone) = selection(&mut query, "2026-11-22T12:00:00Z".parse().unwrap())?;
        let (group_by, days) = grouping(&mut query, rows.span, &zone)?;
        query.finish()?;
        Ok((rows, group_by, days))
    }

    #[test]
    fn parameters_are_read_in_their_time_zone() {
        let (rows, group_by, days) =
            read("from=2026-03-29&to=2026-03-30&tz=Europe/Berlin&group_by=model,day&tool=tutor").unwrap();
        assert_eq!(rows.span.from.to_string(), "2026-03-28T23:00:00.000000Z");
        assert_eq!(rows.span.to.to_string(), "2026-03-29T22:00:00.000000Z");
        assert_eq!(group_by, [Grouping::Model, Grouping::Day]);
        assert_eq!((days.len(), rows.tool.as_deref()), (1, Some("tutor")));
        let (rows, group_by, days) = read("").unwrap();
        assert_eq!(rows.span.from.to_string(), "2026-11-01T00:00:00.000000Z");
        assert_eq!(rows.span.to.to_string(), "2026-11-23T00:00:00.000000Z");
        assert!(group_by.is_empty() && days.is_empty());
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let check = |text: &str, expected: &str| {
            let refusal = read(text).unwrap_err().to_string();
            assert!(refusal.starts_with(&format!("invalid_parameter: {expected}: ")), "{text}: {refusal}");
        };
        check("from=yesterday", "from");
        check("from=2026-11-31", "from");
        check("to=2026-11-01T00:00", "to");
        check("from=2026-11-02&to=2026-11-01", "from");
        check("tz=Mars/Olympus", "tz");
        check("tz=", "tz");
        check("group_by=", "group_by");
        check("group_by=day,hour", "group_by");
        check("group_by=day,day", "group_by");
        check("group_by=Day", "group_by");
        check("group_by=day&from=2020-01-01", "group_by");
        check("user=me", "user");
        check("group=5", "group");
        check("session=", "session");
        check("group_by=day&group_by=model", "group_by");
    }
}
