//! Rows of `ai_usage` when they are opened, and in lists.

use std::time::Duration;

use causerie_domain::ports::StoreError;
use causerie_domain::usage::{OpenUsage, TokenCounts, UsageRecord};
use causerie_domain::{
    ApiKeyId, GroupId, MessageId, SessionId, Timestamp, ToolId, TurnId, UsageId, Usd, UserId,
};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::super::{count, parse_variant, prices_text};
use crate::schema::ai_usage;
use crate::types::{IdParam, id_param};

/// State of a row whose request is running.
pub(crate) const OPEN: &str = "open";
/// State of a row whose request has ended.
pub(crate) const CLOSED: &str = "closed";

/// Row of a request that is about to be sent.
#[derive(Debug, Insertable)]
#[diesel(table_name = ai_usage, treat_none_as_default_value = false)]
pub(crate) struct OpenUsageRow {
    id: IdParam,
    user_id: IdParam,
    group_id: Option<IdParam>,
    tool_id: Option<IdParam>,
    session_id: Option<IdParam>,
    turn_id: Option<IdParam>,
    message_id: Option<IdParam>,
    api_key_id: Option<IdParam>,
    purpose: &'static str,
    attempt: i64,
    model: String,
    state: &'static str,
    estimated_input_tokens: i64,
    prices: Option<String>,
    created_at: i64,
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = ai_usage, check_for_backend(Pg, Sqlite))]
pub(crate) struct UsageRecordRow {
    id: UsageId,
    created_at: i64,
    closed_at: Option<i64>,
    user_id: Option<UserId>,
    group_id: Option<GroupId>,
    tool_id: Option<ToolId>,
    session_id: Option<SessionId>,
    turn_id: Option<TurnId>,
    message_id: Option<MessageId>,
    api_key_id: Option<ApiKeyId>,
    purpose: String,
    attempt: i64,
    model: String,
    model_served: Option<String>,
    provider: Option<String>,
    generation_id: Option<String>,
    outcome: Option<String>,
    failure_code: Option<String>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cached_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
    cost: Option<i64>,
    basis: Option<String>,
    reported_cost: Option<i64>,
    calculated_cost: Option<i64>,
    cache_saved: Option<i64>,
    cache_miss: Option<String>,
    time_to_first_token_us: Option<i64>,
    duration_us: Option<i64>,
}

impl TryFrom<OpenUsage> for OpenUsageRow {
    type Error = StoreError;

    fn try_from(open: OpenUsage) -> Result<Self, StoreError> {
        // Without `..`: a field that is not stored does not compile.
        let OpenUsage {
            id,
            user_id,
            group_id,
            tool_id,
            session_id,
            turn_id,
            message_id,
            api_key_id,
            purpose,
            attempt,
            model,
            estimated_input_tokens,
            prices,
            created_at,
        } = open;
        Ok(OpenUsageRow {
            id: id_param(id),
            user_id: id_param(user_id),
            group_id: group_id.map(id_param),
            tool_id: tool_id.map(id_param),
            session_id: session_id.map(id_param),
            turn_id: turn_id.map(id_param),
            message_id: message_id.map(id_param),
            api_key_id: api_key_id.map(id_param),
            purpose: purpose.as_str(),
            attempt: i64::from(attempt),
            model,
            state: OPEN,
            estimated_input_tokens: super::super::tokens(estimated_input_tokens),
            prices: prices.as_ref().map(prices_text).transpose()?,
            created_at: created_at.as_micros(),
        })
    }
}

impl TryFrom<UsageRecordRow> for UsageRecord {
    type Error = StoreError;

    fn try_from(row: UsageRecordRow) -> Result<Self, StoreError> {
        let tokens = |column: &str, value: Option<i64>| value.map(|value| count(column, value)).transpose();
        let span = |column: &str, value: Option<i64>| {
            value.map(|value| count(column, value).map(Duration::from_micros)).transpose()
        };
        let outcome = row.outcome.as_deref().map(|outcome| parse_variant("ai_usage.outcome", outcome));
        let failure = row.failure_code.as_deref().map(|code| parse_variant("ai_usage.failure_code", code));
        let basis = row.basis.as_deref().map(|basis| parse_variant("ai_usage.basis", basis));
        Ok(UsageRecord {
            id: row.id,
            created_at: Timestamp::from_micros(row.created_at),
            closed_at: row.closed_at.map(Timestamp::from_micros),
            user_id: row.user_id,
            group_id: row.group_id,
            tool_id: row.tool_id,
            tool_slug: None,
            session_id: row.session_id,
            turn_id: row.turn_id,
            message_id: row.message_id,
            api_key_id: row.api_key_id,
            purpose: parse_variant("ai_usage.purpose", &row.purpose)?,
            attempt: count("ai_usage.attempt", row.attempt)?,
            model: row.model,
            model_served: row.model_served,
            provider: row.provider,
            generation_id: row.generation_id,
            outcome: outcome.transpose()?,
            failure: failure.transpose()?,
            tokens: TokenCounts {
                input: tokens("ai_usage.input_tokens", row.input_tokens)?,
                output: tokens("ai_usage.output_tokens", row.output_tokens)?,
                cached: tokens("ai_usage.cached_tokens", row.cached_tokens)?,
                cache_write: tokens("ai_usage.cache_write_tokens", row.cache_write_tokens)?,
                reasoning: tokens("ai_usage.reasoning_tokens", row.reasoning_tokens)?,
            },
            cost: row.cost.map(Usd::from_pico),
            basis: basis.transpose()?,
            reported_cost: row.reported_cost.map(Usd::from_pico),
            calculated_cost: row.calculated_cost.map(Usd::from_pico),
            cache_saved: row.cache_saved.map(Usd::from_pico),
            cache_miss: super::cache_miss(row.cache_miss.as_deref())?,
            time_to_first_token: span("ai_usage.time_to_first_token_us", row.time_to_first_token_us)?,
            duration: span("ai_usage.duration_us", row.duration_us)?,
        })
    }
}
