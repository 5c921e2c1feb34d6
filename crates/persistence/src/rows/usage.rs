//! Rows of `ai_usage`, as far as the sums over a turn need them.

use std::collections::HashMap;

use causerie_domain::ports::StoreError;
use causerie_domain::usage::{CostBasis, MessageUsage, TokenCounts};
use causerie_domain::{TurnId, Usd};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::{count, word};
use crate::schema::ai_usage;

/// A closed row of a turn. Rows must come in the order of their attempts.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = ai_usage, check_for_backend(Pg, Sqlite))]
pub(crate) struct UsageSumRow {
    turn_id: Option<TurnId>,
    model: String,
    model_served: Option<String>,
    generation_id: Option<String>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cached_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
    cost: Option<i64>,
    basis: Option<String>,
}

/// The usage of each turn: all its rows together.
pub(crate) fn usage_by_turn(rows: Vec<UsageSumRow>) -> Result<HashMap<TurnId, MessageUsage>, StoreError> {
    let mut sums: HashMap<TurnId, MessageUsage> = HashMap::new();
    for mut row in rows {
        let Some(turn) = row.turn_id.take() else { continue };
        let usage = MessageUsage::try_from(row)?;
        let sum = match sums.remove(&turn) {
            Some(sum) => together(sum, usage),
            None => usage,
        };
        sums.insert(turn, sum);
    }
    Ok(sums)
}

/// A sum and a further request: a kind of tokens that none counted stays unknown, and one unknown cost makes the
/// whole unknown.
fn together(sum: MessageUsage, later: MessageUsage) -> MessageUsage {
    let counted = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    };
    MessageUsage {
        model: later.model,
        tokens: TokenCounts {
            input: counted(sum.tokens.input, later.tokens.input),
            output: counted(sum.tokens.output, later.tokens.output),
            cached: counted(sum.tokens.cached, later.tokens.cached),
            cache_write: counted(sum.tokens.cache_write, later.tokens.cache_write),
            reasoning: counted(sum.tokens.reasoning, later.tokens.reasoning),
        },
        cost: sum.cost.zip(later.cost).and_then(|(one, other)| one.checked_add(other)),
        // The enumeration goes from the strongest basis to the weakest.
        basis: sum.basis.max(later.basis),
        generation_id: later.generation_id,
    }
}

impl TryFrom<UsageSumRow> for MessageUsage {
    type Error = StoreError;

    fn try_from(row: UsageSumRow) -> Result<Self, StoreError> {
        let tokens = |column: &str, value: Option<i64>| value.map(|value| count(column, value)).transpose();
        let basis = row.basis.as_deref().map(|basis| word("ai_usage.basis", basis)).transpose()?;
        Ok(MessageUsage {
            model: row.model_served.unwrap_or(row.model),
            tokens: TokenCounts {
                input: tokens("ai_usage.input_tokens", row.input_tokens)?,
                output: tokens("ai_usage.output_tokens", row.output_tokens)?,
                cached: tokens("ai_usage.cached_tokens", row.cached_tokens)?,
                cache_write: tokens("ai_usage.cache_write_tokens", row.cache_write_tokens)?,
                reasoning: tokens("ai_usage.reasoning_tokens", row.reasoning_tokens)?,
            },
            cost: row.cost.map(Usd::from_pico),
            // Only a row that is still open has none; it will be known.
            basis: basis.unwrap_or(CostBasis::Pending),
            generation_id: row.generation_id,
        })
    }
}
