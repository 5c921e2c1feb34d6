//! Query parameters of usage reports and usage records.

use std::fmt::Display;

use causerie_domain::Timestamp;
use causerie_domain::calendar::{Boundary, Day, Span, TimeZone};
use causerie_domain::ports::UsageRecordCursor;
use causerie_domain::usage::reports::{Grouping, ReportKey};
use causerie_domain::{GroupId, SessionId, UserId};
use causerie_runtime::SelectUsage;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use super::pagination::{decode_cursor, limit_up_to};
use crate::dto::usage::UsageGroupCursor;
use crate::dto::{Id, input};
use crate::error::Problem;

/// Maximum and default number of groups of a page of a report.
const MAX_GROUPS: u32 = 1000;

/// Filter of usage records.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageParams {
    /// Start of the range: a date such as `2026-11-01`, which starts at midnight in `tz`, or an RFC 3339 date-time.
    /// Default: the start of the month in which the range ends.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[param(value_type = Option<String>)]
    from: Option<Boundary>,
    /// End of the range, exclusive: a date or a date-time. Default: the end of today.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[param(value_type = Option<String>)]
    to: Option<Boundary>,
    /// IANA name of the time zone of dates and days. Default: `UTC`.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[param(value_type = Option<String>)]
    tz: Option<TimeZone>,
    /// Only requests for this model.
    model: Option<String>,
    /// Only requests with this tool, by its slug or its id.
    tool: Option<String>,
    /// Only requests of this user, by its id.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[param(value_type = Option<Id>)]
    user: Option<UserId>,
    /// Only requests on the account of this group, by its id.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[param(value_type = Option<Id>)]
    group: Option<GroupId>,
    /// Only requests of this session, by its id.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[param(value_type = Option<Id>)]
    session: Option<SessionId>,
}

impl UsageParams {
    /// Returns the filter, and the time zone of its dates.
    ///
    /// # Errors
    /// The range ends before it starts.
    pub(crate) fn filter(self, now: Timestamp) -> Result<(SelectUsage, TimeZone), Problem> {
        let zone = self.tz.unwrap_or_else(TimeZone::utc);
        let span = zone.span(self.from, self.to, now).map_err(|error| Problem::parameter("from", error))?;
        let filter = SelectUsage {
            span,
            model: self.model,
            tool: self.tool,
            user_id: self.user,
            group_id: self.group,
            session_id: self.session,
        };
        Ok((filter, zone))
    }
}

/// Grouping of a usage report.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GroupByParams {
    /// Any of `day`, `model`, `tool`, `user`, `group` and `session`, separated by commas. Groups are ordered by these
    /// fields, in this order; those without a value come first. A report by day covers at most 400 days.
    #[param(value_type = Option<String>, pattern = "^(day|model|tool|user|group|session)(,(day|model|tool|user|group|session))*$")]
    group_by: Option<String>,
}

impl GroupByParams {
    /// Returns the fields by which the report is grouped, and the days of the span if it is grouped by day.
    ///
    /// # Errors
    /// A field is unknown or named twice, or there are too many days.
    pub(crate) fn grouping(self, span: Span, zone: &TimeZone) -> Result<(Vec<Grouping>, Vec<Day>), Problem> {
        let refuse = |detail: &dyn Display| Problem::parameter("group_by", detail);
        let mut group_by: Vec<Grouping> = Vec::new();
        for name in self.group_by.iter().flat_map(|names| names.split(',')) {
            let grouping = name.parse().map_err(|error| refuse(&error))?;
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
}

/// Page of a usage report.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportPageParams {
    /// Maximum number of groups. Default: 1000.
    #[serde(default = "max_groups", deserialize_with = "limit_up_to::<MAX_GROUPS, _>")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    pub(crate) limit: u32,
    /// The `next_cursor` of the previous page, with the same parameters.
    cursor: Option<String>,
}

impl ReportPageParams {
    /// Returns the group after which the page starts.
    ///
    /// # Errors
    /// The cursor belongs to another list, or to a report that is grouped by other fields.
    pub(crate) fn after(&self, group_by: &[Grouping]) -> Result<Option<ReportKey>, Problem> {
        match decode_cursor::<UsageGroupCursor>(self.cursor.as_deref())? {
            Some(cursor) if cursor.group_by != group_by => {
                Err(Problem::parameter("cursor", "it belongs to a report that is grouped by other fields"))
            }
            cursor => Ok(cursor.map(|cursor| cursor.key)),
        }
    }
}

fn max_groups() -> u32 {
    MAX_GROUPS
}

/// Page of usage records as CSV, which is not limited in size.
#[derive(Debug, Deserialize)]
pub(crate) struct CsvPageParams {
    /// Maximum number of rows; all rows if absent.
    #[serde(default, deserialize_with = "any_limit")]
    pub(crate) limit: Option<u32>,
    cursor: Option<String>,
}

impl CsvPageParams {
    /// Returns the record after which the table starts.
    ///
    /// # Errors
    /// The cursor belongs to another list.
    pub(crate) fn after(&self) -> Result<Option<UsageRecordCursor>, Problem> {
        decode_cursor(self.cursor.as_deref())
    }
}

fn any_limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    limit_up_to::<{ u32::MAX }, _>(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::request::Query;

    fn read(text: &str) -> Result<(SelectUsage, Vec<Grouping>, Vec<Day>), Problem> {
        let request = TestRequest::with_uri(&format!("/?{text}")).to_http_request();
        let Query((by, usage)) = Query::<(GroupByParams, UsageParams)>::of(&request)?;
        let (filter, zone) = usage.filter("2026-11-22T12:00:00Z".parse().unwrap())?;
        let (group_by, days) = by.grouping(filter.span, &zone)?;
        Ok((filter, group_by, days))
    }

    #[test]
    fn dates_are_read_in_their_time_zone() {
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
    fn invalid_parameters_are_refused_by_name() {
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
