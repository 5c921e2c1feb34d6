//! The providers behind one model: the catalogue lists the first one's price, and another one may answer.

use causerie_domain::completion::CompletionError;
use causerie_domain::model::Pricing;
use serde_json::value::RawValue;

use super::{pricing, size};
use crate::client::OpenRouter;
use crate::error::{self, Document};
use crate::wire::leaf::{self, Leaf};
use crate::wire::object::objects;

/// A provider's offer of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// The provider's name.
    pub provider: String,
    /// The slug by which provider preferences name it.
    pub tag: Option<String>,
    /// How the weights are rounded, such as `fp8`.
    pub quantization: Option<String>,
    /// Tokens of input and output together.
    pub context_length: Option<u64>,
    /// Tokens of output at most.
    pub max_completion_tokens: Option<u64>,
    /// What it costs there.
    pub pricing: Pricing,
}

objects! {
    /// An object, where the catalogue has a list.
    struct Data<'a> {
        endpoints: Option<Vec<&'a RawValue>>,
    }

    struct Entry<'a> {
        provider_name: Leaf<'a>,
        tag: Leaf<'a>,
        quantization: Leaf<'a>,
        context_length: Leaf<'a>,
        max_completion_tokens: Leaf<'a>,
        pricing: Leaf<'a>,
    }
}

impl OpenRouter {
    /// The endpoints of a model, named `author/model`.
    ///
    /// # Errors
    /// [`CompletionError`].
    pub async fn endpoints(&self, model: &str) -> Result<Vec<Endpoint>, CompletionError> {
        let mut url = self.url("models")?;
        // Segment by segment, so that no model's name leads elsewhere.
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(model.split('/')).push("endpoints");
        }
        decode(&self.get(url).await?)
    }
}

fn decode(body: &[u8]) -> Result<Vec<Endpoint>, CompletionError> {
    let Document::<Data<'_>> { data, .. } = error::document(body)?;
    let Some(entries) = data.endpoints else {
        return Err(error::unreadable("the answer lists no endpoints", ""));
    };
    Ok(entries.into_iter().filter_map(|entry| endpoint(Some(entry))).collect())
}

fn endpoint(entry: Leaf<'_>) -> Option<Endpoint> {
    let entry: Entry<'_> = leaf::object(entry);
    let owned = |leaf| leaf::word(leaf).map(|word| word.into_owned());
    Some(Endpoint {
        provider: owned(entry.provider_name)?,
        tag: owned(entry.tag),
        quantization: owned(entry.quantization),
        context_length: size(entry.context_length),
        max_completion_tokens: size(entry.max_completion_tokens),
        pricing: pricing::read(entry.pricing),
    })
}
