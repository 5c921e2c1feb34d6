//! The upstream's catalogue of models, in the shapes of 2025 and 2026 alike.

mod endpoints;
mod pricing;

use causerie_domain::completion::CompletionError;
use causerie_domain::model::CatalogueModel;
use serde_json::value::RawValue;

pub use self::endpoints::Endpoint;
use crate::client::OpenRouter;
use crate::error::{self, Document};
use crate::wire::leaf::{self, Leaf};
use crate::wire::object::objects;

/// The upstream sends the whole list at once. Should that change, the list still ends.
const MAX_PAGES: usize = 32;

/// One page of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogPage {
    /// The models, in the upstream's order. Entries that cannot be read are left out.
    pub models: Vec<CatalogueModel>,
    /// The address of the next page, where there is one.
    pub next: Option<String>,
}

objects! {
    struct Links<'a> {
        next: Leaf<'a>,
    }

    struct Entry<'a> {
        id: Leaf<'a>,
        canonical_slug: Leaf<'a>,
        name: Leaf<'a>,
        context_length: Leaf<'a>,
        architecture: Leaf<'a>,
        top_provider: Leaf<'a>,
        supported_parameters: Leaf<'a>,
        pricing: Leaf<'a>,
    }

    struct Architecture<'a> {
        input_modalities: Leaf<'a>,
        output_modalities: Leaf<'a>,
        /// The older form of both: `text+image->text`.
        modality: Leaf<'a>,
    }

    struct TopProvider<'a> {
        context_length: Leaf<'a>,
        max_completion_tokens: Leaf<'a>,
    }
}

/// Reads the whole catalogue, page by page.
pub(crate) async fn read(client: &OpenRouter) -> Result<Vec<CatalogueModel>, CompletionError> {
    let first = client.url("models")?;
    let mut models = Vec::new();
    let mut next = Some(first.clone());
    for _ in 0..MAX_PAGES {
        let Some(url) = next else { break };
        let page = decode(&client.get(url).await?)?;
        models.extend(page.models);
        // The key goes along, so only to the host it is for.
        let link = page.next.and_then(|link| first.join(&link).ok());
        next = link.filter(|link| link.origin() == first.origin());
    }
    Ok(models)
}

/// Decodes the body of `GET /models`.
///
/// # Errors
/// [`CompletionErrorKind::InvalidResponse`](causerie_domain::completion::CompletionErrorKind::InvalidResponse),
/// and the error that the body carries.
pub fn decode(body: &[u8]) -> Result<CatalogPage, CompletionError> {
    let Document::<Vec<&RawValue>> { data, links } = error::document(body)?;
    let links: Links<'_> = leaf::object(links);
    let models: Vec<_> = data.iter().filter_map(|entry| model(Some(entry))).collect();
    let left_out = data.len() - models.len();
    if left_out > 0 {
        tracing::warn!(left_out, "catalogue entries could not be read");
    }
    Ok(CatalogPage { models, next: leaf::word(links.next).map(|next| next.into_owned()) })
}

fn model(entry: Leaf<'_>) -> Option<CatalogueModel> {
    let entry: Entry<'_> = leaf::object(entry);
    let architecture: Architecture<'_> = leaf::object(entry.architecture);
    let provider: TopProvider<'_> = leaf::object(entry.top_provider);
    let owned = |leaf| leaf::word(leaf).map(|word| word.into_owned());
    let id = owned(entry.id)?;
    let modality = leaf::word(architecture.modality).unwrap_or_default();
    let (takes, gives) = modality.split_once("->").unwrap_or_default();
    Some(CatalogueModel {
        canonical_slug: owned(entry.canonical_slug),
        name: owned(entry.name).unwrap_or_else(|| id.clone()),
        context_length: size(entry.context_length).or_else(|| size(provider.context_length)),
        max_completion_tokens: size(provider.max_completion_tokens),
        input_modalities: words(architecture.input_modalities).unwrap_or_else(|| split(takes)),
        output_modalities: words(architecture.output_modalities).unwrap_or_else(|| split(gives)),
        supported_parameters: words(entry.supported_parameters).unwrap_or_default(),
        pricing: pricing::read(entry.pricing),
        id,
    })
}

/// A number of tokens; zero says nothing.
fn size(leaf: Leaf<'_>) -> Option<u64> {
    leaf::count(leaf).filter(|tokens| *tokens > 0)
}

fn words(leaf: Leaf<'_>) -> Option<Vec<String>> {
    let list = leaf::list(leaf)?;
    Some(list.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect())
}

fn split(modalities: &str) -> Vec<String> {
    modalities.split('+').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(entry: &str) -> CatalogueModel {
        let page = decode(format!(r#"{{"data":[{entry}]}}"#).as_bytes()).unwrap();
        page.models.into_iter().next().unwrap()
    }

    #[test]
    fn an_id_is_enough() {
        let model = only(r#"{"id":"a/b"}"#);
        assert_eq!((model.id.as_str(), model.name.as_str()), ("a/b", "a/b"));
        assert_eq!(model.context_length, None);
        assert_eq!(model.pricing.prompt, None);
    }

    #[test]
    fn the_older_modality_stands_in_for_the_lists() {
        let model = only(r#"{"id":"a/b","architecture":{"modality":"text+image->text"}}"#);
        assert_eq!(model.input_modalities, ["text", "image"]);
        assert_eq!(model.output_modalities, ["text"]);
    }

    #[test]
    fn an_entry_that_cannot_be_read_costs_only_itself() {
        let page =
            decode(br#"{"data":[{"id":"a/b"},{"name":"?"},7,null,{"id":"c/d","pricing":[]}]}"#).unwrap();
        let ids: Vec<_> = page.models.iter().map(|model| model.id.as_str()).collect();
        assert_eq!(ids, ["a/b", "c/d"]);
    }

    #[test]
    fn a_body_of_another_shape_is_an_invalid_response() {
        for body in ["", "[]", "{}", "null", r#"{"data":{}}"#, "<html>"] {
            assert!(decode(body.as_bytes()).is_err(), "{body}");
        }
        let error = decode(br#"{"error":{"code":503,"message":"no"}}"#).unwrap_err();
        assert_eq!(error.status, Some(503));
    }
}
