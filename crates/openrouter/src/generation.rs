//! The upstream's record of one request: what it cost, asked for afterwards.

use causerie_domain::completion::{CompletionError, GenerationRecord};
use causerie_domain::usage::{ReportedUsage, TokenCounts};

use crate::client::OpenRouter;
use crate::error::{self, Document};
use crate::wire::leaf::{self, Leaf};
use crate::wire::object::objects;

objects! {
    struct Record<'a> {
        model: Leaf<'a>,
        provider_name: Leaf<'a>,
        native_tokens_prompt: Leaf<'a>,
        native_tokens_completion: Leaf<'a>,
        native_tokens_cached: Leaf<'a>,
        native_tokens_reasoning: Leaf<'a>,
        total_cost: Leaf<'a>,
        /// A number here: the cost once more.
        usage: Leaf<'a>,
        upstream_inference_cost: Leaf<'a>,
        is_byok: Leaf<'a>,
        cancelled: Leaf<'a>,
    }
}

/// Reads the record; `None` where there is none, or none yet: it appears some time after the request ended.
pub(crate) async fn read(client: &OpenRouter, id: &str) -> Result<Option<GenerationRecord>, CompletionError> {
    let mut url = client.url("generation")?;
    url.query_pairs_mut().append_pair("id", id);
    match client.get(url).await {
        Ok(body) => decode(&body).map(Some),
        Err(error) if error.status == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Decodes the body of `GET /generation`.
///
/// The counts are the native ones, which are billed; the normalised ones beside them are not.
///
/// # Errors
/// [`CompletionErrorKind::InvalidResponse`](causerie_domain::completion::CompletionErrorKind::InvalidResponse),
/// and the error that the body carries.
pub fn decode(body: &[u8]) -> Result<GenerationRecord, CompletionError> {
    let Document::<Record<'_>> { data, .. } = error::document(body)?;
    Ok(GenerationRecord {
        model: leaf::word(data.model).map(|word| word.into_owned()),
        provider: leaf::word(data.provider_name).map(|word| word.into_owned()),
        usage: ReportedUsage {
            tokens: TokenCounts {
                input: leaf::count(data.native_tokens_prompt),
                output: leaf::count(data.native_tokens_completion),
                cached: leaf::count(data.native_tokens_cached),
                cache_write: None,
                reasoning: leaf::count(data.native_tokens_reasoning),
            },
            cost: leaf::amount(data.total_cost).or_else(|| leaf::amount(data.usage)),
            upstream_inference_cost: leaf::amount(data.upstream_inference_cost),
            is_byok: leaf::flag(data.is_byok).unwrap_or(false),
        },
        cancelled: leaf::flag(data.cancelled).unwrap_or(false),
    })
}
