//! Usage: tokens and cost of an answer, records of the ledger, and reports.

mod cursor;
mod records;
mod reports;

use causerie_domain::usage::MessageUsage;
use serde::Serialize;
use utoipa::ToSchema;

use super::values::{CacheMissDto, CostBasisDto, UsdDto};

pub(crate) use cursor::UsageGroupCursor;
pub(crate) use records::{RECORD_COLUMNS, UsageRecordDto};
pub(crate) use reports::{UsageReportDto, UsageSumsDto};

/// Tokens and cost of an answer. Unknown values are null, never zero.
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
    /// Input tokens written to the provider's cache.
    cache_write_tokens: Option<u64>,
    /// Output tokens spent on reasoning.
    reasoning_tokens: Option<u64>,
    /// Cost in US dollars. If the basis is `pending`, a calculated or estimated cost that applies until the record of
    /// the upstream is read; null if the basis is `unknown`.
    cost: Option<UsdDto>,
    basis: CostBasisDto,
    /// What the provider's cache saved, in US dollars: reads cost less than other input, and writes may cost more, so it
    /// can be negative. Null if it is unknown.
    cache_saved: Option<UsdDto>,
    /// Why the provider's cache had no beginning of the last request, although one was expected.
    cache_miss: Option<CacheMissDto>,
    /// Id of the last request at the upstream.
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
            cache_write_tokens: usage.tokens.cache_write,
            reasoning_tokens: usage.tokens.reasoning,
            cost: usage.cost.map(UsdDto::from),
            basis: usage.basis.into(),
            cache_saved: usage.cache_saved.map(UsdDto::from),
            cache_miss: usage.cache_miss.map(CacheMissDto::from),
            generation_id: usage.generation_id,
        }
    }
}
