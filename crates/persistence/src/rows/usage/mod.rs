//! Rows of `ai_usage`, for the usage of a turn and for the reconciler.

mod records;
mod reports;

use std::collections::HashMap;

use causerie_domain::ports::StoreError;
use causerie_domain::prompt_caches::CacheMiss;
use causerie_domain::usage::{CostBasis, MessageUsage, PendingUsage, Settlement, TokenCounts};
use causerie_domain::{GroupId, MessageId, Timestamp, TurnId, UsageId, Usd, UserId};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::{count, parse_variant, prices};
use crate::error::corrupt;
use crate::schema::ai_usage;

pub(crate) use records::{CLOSED, OPEN, OpenUsageRow, UsageRecordRow};
pub(crate) use reports::{SUM_BASES, SumColumns, UsageTotalsRow, groups, total};

/// A closed row of a turn. Rows must be in the order of their attempts.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = ai_usage, check_for_backend(Pg, Sqlite))]
pub(crate) struct MessageUsageRow {
    turn_id: Option<TurnId>,
    model: String,
    model_served: Option<String>,
    generation_id: Option<String>,
    #[diesel(embed)]
    tokens: TokensRow,
    cost: Option<i64>,
    basis: Option<String>,
    cache_saved: Option<i64>,
    cache_miss: Option<String>,
}

/// The tokens of a row.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = ai_usage, check_for_backend(Pg, Sqlite))]
pub(crate) struct TokensRow {
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cached_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
}

/// A closed row whose cost is pending.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = ai_usage, check_for_backend(Pg, Sqlite))]
pub(crate) struct PendingRow {
    id: UsageId,
    user_id: Option<UserId>,
    group_id: Option<GroupId>,
    message_id: Option<MessageId>,
    model: String,
    outcome: Option<String>,
    generation_id: Option<String>,
    estimated_input_tokens: i64,
    prices: Option<String>,
    #[diesel(embed)]
    tokens: TokensRow,
    cost: Option<i64>,
    basis: Option<String>,
    reported_cost: Option<i64>,
    calculated_cost: Option<i64>,
    cache_saved: Option<i64>,
    created_at: i64,
    closed_at: Option<i64>,
    lookups: i64,
    next_lookup_at: Option<i64>,
}

impl PendingRow {
    /// Returns the answer that the request wrote.
    pub(crate) fn answer(&self) -> Option<MessageId> {
        self.message_id
    }

    /// Converts the row. An unreadable row is logged and skipped, so that it does not block others.
    pub(crate) fn read(self) -> Option<PendingUsage> {
        let id = self.id;
        let read = PendingUsage::try_from(self);
        read.inspect_err(|error| tracing::error!(usage = %id, %error, "skipping an unreadable ledger row"))
            .ok()
    }
}

/// Returns the usage of each turn, summed over its rows.
pub(crate) fn usage_by_turn(rows: Vec<MessageUsageRow>) -> Result<HashMap<TurnId, MessageUsage>, StoreError> {
    let mut sums: HashMap<TurnId, MessageUsage> = HashMap::new();
    for mut row in rows {
        let Some(turn) = row.turn_id.take() else { continue };
        let usage = MessageUsage::try_from(row)?;
        let sum = match sums.remove(&turn) {
            Some(sum) => sum.and_later(usage),
            None => usage,
        };
        sums.insert(turn, sum);
    }
    Ok(sums)
}

/// Returns the basis of a row. Only an open row has none; it counts as pending.
fn basis(stored: Option<&str>) -> Result<CostBasis, StoreError> {
    Ok(stored.map(|basis| parse_variant("ai_usage.basis", basis)).transpose()?.unwrap_or(CostBasis::Pending))
}

/// Returns the reason for which the cache had no beginning of a request.
fn cache_miss(stored: Option<&str>) -> Result<Option<CacheMiss>, StoreError> {
    stored.map(|miss| parse_variant("ai_usage.cache_miss", miss)).transpose()
}

impl TryFrom<TokensRow> for TokenCounts {
    type Error = StoreError;

    fn try_from(row: TokensRow) -> Result<Self, StoreError> {
        let tokens = |column: &str, value: Option<i64>| value.map(|value| count(column, value)).transpose();
        Ok(TokenCounts {
            input: tokens("ai_usage.input_tokens", row.input_tokens)?,
            output: tokens("ai_usage.output_tokens", row.output_tokens)?,
            cached: tokens("ai_usage.cached_tokens", row.cached_tokens)?,
            cache_write: tokens("ai_usage.cache_write_tokens", row.cache_write_tokens)?,
            reasoning: tokens("ai_usage.reasoning_tokens", row.reasoning_tokens)?,
        })
    }
}

impl TryFrom<MessageUsageRow> for MessageUsage {
    type Error = StoreError;

    fn try_from(row: MessageUsageRow) -> Result<Self, StoreError> {
        Ok(MessageUsage {
            model: row.model_served.unwrap_or(row.model),
            tokens: row.tokens.try_into()?,
            cost: row.cost.map(Usd::from_pico),
            basis: basis(row.basis.as_deref())?,
            cache_saved: row.cache_saved.map(Usd::from_pico),
            cache_miss: cache_miss(row.cache_miss.as_deref())?,
            generation_id: row.generation_id,
        })
    }
}

impl TryFrom<PendingRow> for PendingUsage {
    type Error = StoreError;

    fn try_from(row: PendingRow) -> Result<Self, StoreError> {
        let open = || corrupt(format!("ledger row {} is pending and not closed", row.id));
        let settlement = Settlement {
            cost: row.cost.map(Usd::from_pico),
            basis: basis(row.basis.as_deref())?,
            reported: row.reported_cost.map(Usd::from_pico),
            calculated: row.calculated_cost.map(Usd::from_pico),
            cache_saved: row.cache_saved.map(Usd::from_pico),
        };
        Ok(PendingUsage {
            id: row.id,
            user_id: row.user_id,
            group_id: row.group_id,
            model: row.model,
            outcome: parse_variant("ai_usage.outcome", row.outcome.as_deref().ok_or_else(open)?)?,
            generation_id: row.generation_id,
            estimated_input_tokens: count("ai_usage.estimated_input_tokens", row.estimated_input_tokens)?,
            prices: row.prices.as_deref().map(prices::prices).transpose()?,
            tokens: row.tokens.try_into()?,
            settlement,
            created_at: Timestamp::from_micros(row.created_at),
            closed_at: Timestamp::from_micros(row.closed_at.ok_or_else(open)?),
            lookups: count("ai_usage.lookups", row.lookups)?,
            next_lookup_at: row.next_lookup_at.map(Timestamp::from_micros),
        })
    }
}
