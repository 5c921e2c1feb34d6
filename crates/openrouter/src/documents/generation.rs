//! Generation records: the upstream's account of one request, fetched after it ended.

use causerie_domain::completion::{CompletionError, GenerationRecord};
use causerie_domain::usage::{ReportedUsage, TokenCounts};

use super::Document;
use crate::wire::object::wire_objects;
use crate::wire::raw_field::{self, RawField};

wire_objects! {
    struct Record<'a> {
        model: RawField<'a>,
        provider_name: RawField<'a>,
        native_tokens_prompt: RawField<'a>,
        native_tokens_completion: RawField<'a>,
        native_tokens_cached: RawField<'a>,
        native_tokens_reasoning: RawField<'a>,
        total_cost: RawField<'a>,
        /// A number in this document: the cost again.
        usage: RawField<'a>,
        upstream_inference_cost: RawField<'a>,
        is_byok: RawField<'a>,
        cancelled: RawField<'a>,
    }
}

/// Decodes the body of `GET /generation`.
///
/// The token counts are the native ones, which are billed, and not the normalized ones beside them.
///
/// # Errors
/// [`CompletionErrorKind::InvalidResponse`](causerie_domain::completion::CompletionErrorKind::InvalidResponse) if the
/// body has another shape, and the error that the body carries.
pub fn decode(body: &[u8]) -> Result<GenerationRecord, CompletionError> {
    let Document::<Record<'_>> { data, .. } = super::parse(body)?;
    let counts = [
        data.native_tokens_prompt,
        data.native_tokens_completion,
        data.native_tokens_cached,
        data.native_tokens_reasoning,
    ];
    let mut record = GenerationRecord {
        model: raw_field::non_empty_text(data.model).map(|text| text.into_owned()),
        provider: raw_field::non_empty_text(data.provider_name).map(|text| text.into_owned()),
        usage: ReportedUsage {
            tokens: TokenCounts {
                input: raw_field::count(data.native_tokens_prompt),
                output: raw_field::count(data.native_tokens_completion),
                cached: raw_field::count(data.native_tokens_cached),
                cache_write: None,
                reasoning: raw_field::count(data.native_tokens_reasoning),
            },
            cost: raw_field::usd(data.total_cost).or_else(|| raw_field::usd(data.usage)),
            upstream_inference_cost: raw_field::usd(data.upstream_inference_cost),
            is_byok: raw_field::boolean(data.is_byok).unwrap_or(false),
        },
        cancelled: raw_field::boolean(data.cancelled).unwrap_or(false),
    };
    if counts.into_iter().any(raw_field::is_impossible_count) {
        let provider = record.provider.as_deref();
        tracing::warn!(provider, "generation record with impossible token counts; the counts are ignored");
        record.usage.tokens = TokenCounts::default();
    }
    Ok(record)
}
