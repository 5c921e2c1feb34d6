//! Endpoints: the providers of one model. The catalog lists the price of the first one; another one may answer.

use causerie_domain::completion::CompletionError;
use causerie_domain::models::Pricing;
use serde_json::value::RawValue;

use super::{non_zero_count, pricing};
use crate::documents::{self, Document};
use crate::error;
use crate::wire::object::wire_objects;
use crate::wire::raw_field::{self, RawField};

/// A provider's offer of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// Name of the provider.
    pub provider: String,
    /// Slug that provider preferences use.
    pub tag: Option<String>,
    /// Quantization of the weights, such as `fp8`.
    pub quantization: Option<String>,
    /// Maximum number of input and output tokens together.
    pub context_length: Option<u64>,
    /// Maximum number of output tokens.
    pub max_completion_tokens: Option<u64>,
    /// Prices of this provider.
    pub pricing: Pricing,
}

wire_objects! {
    /// The data of `GET /models/{author}/{slug}/endpoints`: an object, where the catalog has a list.
    struct Data<'a> {
        endpoints: Option<Vec<&'a RawValue>>,
    }

    struct Entry<'a> {
        provider_name: RawField<'a>,
        tag: RawField<'a>,
        quantization: RawField<'a>,
        context_length: RawField<'a>,
        max_completion_tokens: RawField<'a>,
        pricing: RawField<'a>,
    }
}

/// Decodes the body of `GET /models/{author}/{slug}/endpoints`. Entries without a provider are left out.
pub(crate) fn decode_endpoints(body: &[u8]) -> Result<Vec<Endpoint>, CompletionError> {
    let Document::<Data<'_>> { data, .. } = documents::parse(body)?;
    let Some(entries) = data.endpoints else {
        return Err(error::invalid_response("the upstream's response lists no endpoints", ""));
    };
    Ok(entries.into_iter().filter_map(|entry| decode_entry(Some(entry))).collect())
}

fn decode_entry(entry: RawField<'_>) -> Option<Endpoint> {
    let entry: Entry<'_> = raw_field::object(entry);
    let owned = |field| raw_field::non_empty_text(field).map(|text| text.into_owned());
    Some(Endpoint {
        provider: owned(entry.provider_name)?,
        tag: owned(entry.tag),
        quantization: owned(entry.quantization),
        context_length: non_zero_count(entry.context_length),
        max_completion_tokens: non_zero_count(entry.max_completion_tokens),
        pricing: pricing::decode(entry.pricing),
    })
}
