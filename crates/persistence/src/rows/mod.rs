//! Rows: the columns of each table, and their conversion to the domain's entities.
//!
//! Columns are read as integers and text. Only the conversions here interpret them.

mod api_keys;
mod attachments;
mod audit_events;
mod budgets;
mod groups;
mod json;
mod last_requests;
mod memberships;
mod messages;
mod models;
mod prices;
mod sessions;
mod stream_tickets;
mod tools;
mod turn_requests;
mod turns;
mod usage;
mod users;

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use causerie_domain::UnknownVariant;
use causerie_domain::ports::StoreError;

pub(crate) use api_keys::ApiKeyRow;
pub(crate) use attachments::AttachmentRow;
pub(crate) use audit_events::AuditEventRow;
pub(crate) use budgets::{BudgetRow, ReservationRow, WindowRow};
pub(crate) use groups::GroupRow;
pub(crate) use json::{context_text, list_text, meta_text, parts_text};
pub(crate) use last_requests::last_request_text;
pub(crate) use memberships::{InvitationRow, MemberRow, MembershipRow};
pub(crate) use messages::{MessageRow, MessageSessionRow};
pub(crate) use models::ModelRow;
pub(crate) use prices::{extra_prices_text, overrides_text, prices_text};
pub(crate) use sessions::SessionRow;
pub(crate) use stream_tickets::TicketRow;
pub(crate) use tools::{ToolRow, ToolVersionRow, tool};
pub(crate) use turn_requests::{AttemptRow, turn_requests, turn_requests_text};
pub(crate) use turns::{KeyedTurnRow, SegmentRow, TurnRow};
pub(crate) use usage::{
    CLOSED, MessageUsageRow, OPEN, OpenUsageRow, PendingRow, SUM_BASES, SumColumns, UsageRecordRow,
    UsageTotalsRow, groups, total, usage_by_turn,
};
pub(crate) use users::UserRow;

use crate::error::{corrupt, corrupt_with_source};

/// Parses the text of a column as a variant of an enum.
pub(crate) fn parse_variant<T: FromStr<Err = UnknownVariant>>(
    column: &str,
    text: &str,
) -> Result<T, StoreError> {
    text.parse().map_err(|error: UnknownVariant| corrupt_with_source(column, error))
}

/// Converts a count from the signed integer of a column.
fn count<T: TryFrom<i64>>(column: &str, value: i64) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| corrupt(format!("{column} is {value}")))
}

/// Converts a count for a column. Counts beyond the range are capped.
pub(crate) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Converts a token count for a column. It is capped, so that a wrong count of a provider cannot overflow the sums.
pub(crate) fn tokens(count: u64) -> i64 {
    const MAX: u64 = 1 << 50;
    stored(count.min(MAX))
}

/// Converts a duration to microseconds for a column.
pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// Returns a text from an upstream in the form for a column. U+0000, which PostgreSQL cannot store, becomes the
/// replacement character, since the text of an upstream must not prevent the row from being written.
pub(crate) fn sanitized(value: &str) -> Cow<'_, str> {
    if value.contains('\0') { Cow::Owned(value.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(value) }
}

/// Checks text for a column. U+0000 is an error in both databases, since PostgreSQL cannot store it.
pub(crate) fn checked_text<'t>(column: &str, value: &'t str) -> Result<&'t str, StoreError> {
    if value.contains('\0') { Err(corrupt(format!("U+0000 in {column}"))) } else { Ok(value) }
}
