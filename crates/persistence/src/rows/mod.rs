//! Rows: what the tables hold, and how it becomes the domain's entities.
//!
//! Integers and text are read as they stand; the conversions here are the one place that knows what they mean.

mod api_keys;
mod attachments;
mod audit_events;
mod budgets;
mod forks;
mod groups;
mod json;
mod memberships;
mod messages;
mod models;
mod prices;
mod sessions;
mod stream_tickets;
mod tools;
mod turns;
mod usage;
mod usage_records;
mod usage_sums;
mod users;

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use causerie_domain::UnknownVariant;
use causerie_domain::ports::StoreError;

pub(crate) use api_keys::ApiKeyRow;
pub(crate) use attachments::AttachmentRow;
pub(crate) use audit_events::AuditEventRow;
pub(crate) use budgets::{BudgetRow, WeightRow, WindowRow};
pub(crate) use forks::{AttachmentCopy, MessageCopy};
pub(crate) use groups::GroupRow;
pub(crate) use json::{context_text, list_text, meta_text, object_text, parts_text};
pub(crate) use memberships::{InvitationRow, MemberRow, MembershipRow};
pub(crate) use messages::{MessageRow, text_parts};
pub(crate) use models::ModelRow;
pub(crate) use prices::{further_text, overrides_text, prices_text};
pub(crate) use sessions::SessionRow;
pub(crate) use stream_tickets::TicketRow;
pub(crate) use tools::{ToolRow, ToolVersionRow, tool};
pub(crate) use turns::{KeyedTurnRow, SegmentRow, TurnRow, segments_of_parts};
pub(crate) use usage::{PendingRow, UsageSumRow, usage_by_turn};
pub(crate) use usage_records::UsageRecordRow;
pub(crate) use usage_sums::{SUM_BASES, SumColumns, UsageSumsRow, groups, total};
pub(crate) use users::UserRow;

use crate::error::{corrupt, corrupt_by};

/// A stored word as the enumeration's variant.
fn word<T: FromStr<Err = UnknownVariant>>(column: &str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error: UnknownVariant| corrupt_by(column, error))
}

/// A stored word, for rows that are put together by their query.
pub(crate) fn stored_word<T: FromStr<Err = UnknownVariant>>(
    column: &str,
    text: &str,
) -> Result<T, StoreError> {
    word(column, text)
}

/// A count that is stored as a signed integer.
fn count<T: TryFrom<i64>>(column: &str, value: i64) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| corrupt(format!("{column} is {value}")))
}

/// A count for a column: none of ours comes near the end of the range.
pub(crate) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Tokens for a column. Providers miscount, but no count may break the sums over it.
pub(crate) fn tokens(count: u64) -> i64 {
    const MOST: u64 = 1 << 50;
    stored(count.min(MOST))
}

/// A span of time for a column, in microseconds.
pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// Text that others wrote, for a column: U+0000, which PostgreSQL cannot hold, becomes the replacement character. What
/// an upstream says of a request must not cost the request its row.
pub(crate) fn foreign(value: &str) -> Cow<'_, str> {
    if value.contains('\0') { Cow::Owned(value.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(value) }
}

/// Text for a column. PostgreSQL cannot hold U+0000, so SQLite must not either.
pub(crate) fn text<'t>(column: &str, value: &'t str) -> Result<&'t str, StoreError> {
    if value.contains('\0') { Err(corrupt(format!("U+0000 in {column}"))) } else { Ok(value) }
}
