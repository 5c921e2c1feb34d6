//! The tokens and cost of an answer, as clients see them.

mod cursor;
mod records;
mod reports;

use causerie_domain::usage::MessageUsage;
use serde::Serialize;
use utoipa::ToSchema;

use super::values::{CostBasisDto, UsdDto};

pub(crate) use cursor::UsageGroupCursor;
pub(crate) use records::{RECORD_COLUMNS, UsageRecordDto};
pub(crate) use reports::{UsageReportDto, UsageSumsDto};

/// The tokens and cost of an answer. What is not known is null, never zero.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = MessageUsage)]
pub(crate) struct UsageDto {
    /// The model that answered.
    model: String,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    total_tokens: Option<u64>,
    /// Input tokens read from the provider's cache.
    cached_tokens: Option<u64>,
    /// Output tokens spent on reasoning.
    reasoning_tokens: Option<u64>,
    /// In US dollars. Where the basis is `pending`, a calculated or estimated cost that stands in until the upstream's
    /// record is read; where it is `unknown`, null.
    cost: Option<UsdDto>,
    basis: CostBasisDto,
    /// The upstream's id of the last request.
    generation_id: Option<String>,
}

impl From<MessageUsage> for UsageDto {
    fn from(usage: MessageUsage) -> Self {
        UsageDto {
            model: usage.model,
            input_tokens: usage.tokens.input,
            output_tokens: usage.tokens.output,
            total_tokens: usage.tokens.total(),
            cached_tokens: usage.tokens.cached,
            reasoning_tokens: usage.tokens.reasoning,
            cost: usage.cost.map(UsdDto::from),
            basis: usage.basis.into(),
            generation_id: usage.generation_id,
        }
    }
}
