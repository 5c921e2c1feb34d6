//! Rows: what the tables hold, and how it becomes the domain's entities.
//!
//! Integers and text are read as they stand; the conversions here are the one place that knows what they mean.

mod attachment;
mod audit;
mod budget;
mod copies;
mod group;
mod identity;
mod json;
mod message;
mod model;
mod prices;
mod session;
mod ticket;
mod tool;
mod turn;
mod usage;
mod usage_record;
mod usage_sum;

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use causerie_domain::UnknownVariant;
use causerie_domain::ports::StoreError;

pub(crate) use attachment::AttachmentRow;
pub(crate) use audit::AuditEventRow;
pub(crate) use budget::{BudgetRow, WeightRow, WindowRow};
pub(crate) use copies::{AttachmentCopy, MessageCopy};
pub(crate) use group::{GroupRow, InvitationRow, MemberRow};
pub(crate) use identity::{ApiKeyRow, MembershipRow, UserRow};
pub(crate) use json::{context_text, list_text, meta_text, object_text, parts_text};
pub(crate) use message::{MessageRow, text_parts};
pub(crate) use model::ModelRow;
pub(crate) use prices::{further_text, overrides_text, prices_text};
pub(crate) use session::SessionRow;
pub(crate) use ticket::TicketRow;
pub(crate) use tool::{ToolRow, ToolVersionRow, tool};
pub(crate) use turn::{KeyedTurnRow, SegmentRow, TurnRow, segments_of_parts};
pub(crate) use usage::{PendingRow, UsageSumRow, usage_by_turn};
pub(crate) use usage_record::UsageRecordRow;
pub(crate) use usage_sum::{SUM_BASES, SumColumns, UsageSumsRow, groups, total};

use crate::fault::{corrupt, corrupt_by};

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
