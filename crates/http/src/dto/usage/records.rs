//! Records of the usage ledger, in JSON and CSV.

use causerie_domain::Timestamp;
use causerie_domain::ports::UsageRecordCursor;
use causerie_domain::usage::reports::UsageRecord;
use serde::Serialize;
use utoipa::ToSchema;

use crate::dto::page::PageCursor;
use crate::dto::values::{
    CacheMissDto, CostBasisDto, FailureCodeDto, Id, TimestampDto, UsageOutcomeDto, UsagePurposeDto, UsdDto,
};

/// A request to the upstream. Unknown values are null, never zero.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageRecord)]
pub(crate) struct UsageRecordDto {
    id: Id,
    /// Start of the request.
    created_at: TimestampDto,
    /// End of the request; null while it is open.
    closed_at: Option<TimestampDto>,
    /// The user of the request; null if the user was deleted.
    user_id: Option<Id>,
    /// The group whose account pays for the request.
    group_id: Option<Id>,
    /// The tool's slug.
    tool: Option<String>,
    tool_id: Option<Id>,
    session_id: Option<Id>,
    turn_id: Option<Id>,
    /// The answer.
    message_id: Option<Id>,
    /// The API key of the send.
    api_key_id: Option<Id>,
    purpose: UsagePurposeDto,
    /// Number of the request in its turn, from 1.
    attempt: u32,
    /// The requested model.
    model: String,
    /// The model that answered.
    model_served: Option<String>,
    /// The provider of the model.
    provider: Option<String>,
    /// Id of the request at the upstream.
    generation_id: Option<String>,
    outcome: Option<UsageOutcomeDto>,
    /// Reason of a failure.
    failure_code: Option<FailureCodeDto>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    total_tokens: Option<u64>,
    /// Whether the tokens are estimates, at least in part. Those of a `pending` request can be replaced by counts.
    tokens_estimated: bool,
    /// Input tokens read from the provider's cache.
    cached_tokens: Option<u64>,
    /// Input tokens written to the provider's cache.
    cache_write_tokens: Option<u64>,
    /// Output tokens spent on reasoning.
    reasoning_tokens: Option<u64>,
    /// Cost in US dollars; provisional while `basis` is `pending`.
    cost: Option<UsdDto>,
    basis: Option<CostBasisDto>,
    /// Cost that the upstream reported.
    reported_cost: Option<UsdDto>,
    /// Tokens times the prices at the time of the request.
    calculated_cost: Option<UsdDto>,
    /// What the provider's cache saved, at the prices at the time of the request; negative if writes cost more than reads
    /// saved.
    cache_saved: Option<UsdDto>,
    /// Why the provider's cache had no beginning of the request, although one was expected.
    cache_miss: Option<CacheMissDto>,
    /// Milliseconds from the start to the first text.
    time_to_first_token_ms: Option<u64>,
    /// Milliseconds from the start to the end.
    duration_ms: Option<u64>,
}

/// The columns of the CSV table: the members of a record, in their order.
pub(crate) const RECORD_COLUMNS: [&str; 34] = [
    "id",
    "created_at",
    "closed_at",
    "user_id",
    "group_id",
    "tool",
    "tool_id",
    "session_id",
    "turn_id",
    "message_id",
    "api_key_id",
    "purpose",
    "attempt",
    "model",
    "model_served",
    "provider",
    "generation_id",
    "outcome",
    "failure_code",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "tokens_estimated",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost",
    "basis",
    "reported_cost",
    "calculated_cost",
    "cache_saved",
    "cache_miss",
    "time_to_first_token_ms",
    "duration_ms",
];

impl PageCursor for UsageRecordCursor {
    const LIST: &'static str = "usage-records";

    fn to_text(&self) -> String {
        format!("{} {}", self.created_at.as_micros(), self.id)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once(' ')?;
        Some(UsageRecordCursor {
            created_at: Timestamp::from_micros(micros.parse().ok()?),
            id: id.parse().ok()?,
        })
    }
}

impl From<UsageRecord> for UsageRecordDto {
    fn from(record: UsageRecord) -> Self {
        let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let tokens_estimated = record.has_estimated_tokens();
        UsageRecordDto {
            id: record.id.into(),
            created_at: record.created_at.into(),
            closed_at: record.closed_at.map(TimestampDto::from),
            user_id: record.user_id.map(Id::from),
            group_id: record.group_id.map(Id::from),
            tool: record.tool_slug,
            tool_id: record.tool_id.map(Id::from),
            session_id: record.session_id.map(Id::from),
            turn_id: record.turn_id.map(Id::from),
            message_id: record.message_id.map(Id::from),
            api_key_id: record.api_key_id.map(Id::from),
            purpose: record.purpose.into(),
            attempt: record.attempt,
            model: record.model,
            model_served: record.model_served,
            provider: record.provider,
            generation_id: record.generation_id,
            outcome: record.outcome.map(UsageOutcomeDto::from),
            failure_code: record.failure.map(FailureCodeDto::from),
            input_tokens: record.tokens.input,
            output_tokens: record.tokens.output,
            total_tokens: record.tokens.total(),
            tokens_estimated,
            cached_tokens: record.tokens.cached,
            cache_write_tokens: record.tokens.cache_write,
            reasoning_tokens: record.tokens.reasoning,
            cost: record.cost.map(UsdDto::from),
            basis: record.basis.map(CostBasisDto::from),
            reported_cost: record.reported_cost.map(UsdDto::from),
            calculated_cost: record.calculated_cost.map(UsdDto::from),
            cache_saved: record.cache_saved.map(UsdDto::from),
            cache_miss: record.cache_miss.map(CacheMissDto::from),
            time_to_first_token_ms: record.time_to_first_token.map(millis),
            duration_ms: record.duration.map(millis),
        }
    }
}
