//! The upstream's catalog of models, in the formats of 2025 and 2026.

mod endpoints;
mod pricing;

use causerie_domain::completion::CompletionError;
use causerie_domain::models::CatalogModel;
use serde_json::value::RawValue;

pub use self::endpoints::Endpoint;
pub(crate) use self::endpoints::decode_endpoints;
use crate::documents::{self, Document};
use crate::wire::object::wire_objects;
use crate::wire::raw_field::{self, RawField};

/// Maximum number of models. The upstream lists a few hundred; an entry of a few bytes is large in memory.
pub(crate) const MAX_MODELS: usize = 10_000;

/// One page of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogPage {
    /// The models in the upstream's order. Entries that cannot be decoded are left out.
    pub models: Vec<CatalogModel>,
    /// Number of entries that were left out.
    pub unreadable: usize,
    /// URL of the next page, absolute or relative; `None` on the last one.
    pub next: Option<String>,
}

wire_objects! {
    struct Links<'a> {
        next: RawField<'a>,
    }

    struct Entry<'a> {
        id: RawField<'a>,
        canonical_slug: RawField<'a>,
        name: RawField<'a>,
        context_length: RawField<'a>,
        architecture: RawField<'a>,
        top_provider: RawField<'a>,
        supported_parameters: RawField<'a>,
        pricing: RawField<'a>,
    }

    struct Architecture<'a> {
        input_modalities: RawField<'a>,
        output_modalities: RawField<'a>,
        /// The older form of both: `text+image->text`.
        modality: RawField<'a>,
    }

    struct TopProvider<'a> {
        context_length: RawField<'a>,
        max_completion_tokens: RawField<'a>,
    }
}

/// Decodes the body of `GET /models`.
///
/// # Errors
/// [`CompletionErrorKind::InvalidResponse`](causerie_domain::completion::CompletionErrorKind::InvalidResponse) if the
/// body has another shape, and the error that the body carries.
pub fn decode_models(body: &[u8]) -> Result<CatalogPage, CompletionError> {
    let Document::<Vec<&RawValue>> { data, links } = documents::parse(body)?;
    let links: Links<'_> = raw_field::object(links);
    let models: Vec<_> = data.iter().take(MAX_MODELS).filter_map(|entry| decode_entry(Some(entry))).collect();
    let unreadable = data.len() - models.len();
    if unreadable > 0 {
        tracing::warn!(unreadable, "catalog entries without an id were skipped");
    }
    let next = raw_field::non_empty_text(links.next).map(|next| next.into_owned());
    Ok(CatalogPage { models, unreadable, next })
}

fn decode_entry(entry: RawField<'_>) -> Option<CatalogModel> {
    let entry: Entry<'_> = raw_field::object(entry);
    let architecture: Architecture<'_> = raw_field::object(entry.architecture);
    let top_provider: TopProvider<'_> = raw_field::object(entry.top_provider);
    let owned = |field| raw_field::non_empty_text(field).map(|text| text.into_owned());
    let id = owned(entry.id)?;
    let modality = raw_field::non_empty_text(architecture.modality).unwrap_or_default();
    let (input, output) = modality.split_once("->").unwrap_or_default();
    Some(CatalogModel {
        canonical_slug: owned(entry.canonical_slug),
        name: owned(entry.name).unwrap_or_else(|| id.clone()),
        context_length: non_zero_count(entry.context_length)
            .or_else(|| non_zero_count(top_provider.context_length)),
        max_completion_tokens: non_zero_count(top_provider.max_completion_tokens),
        input_modalities: strings(architecture.input_modalities).unwrap_or_else(|| split_modalities(input)),
        output_modalities: strings(architecture.output_modalities)
            .unwrap_or_else(|| split_modalities(output)),
        supported_parameters: strings(entry.supported_parameters).unwrap_or_default(),
        pricing: pricing::decode(entry.pricing),
        id,
    })
}

/// Reads a number of tokens; zero means unknown.
fn non_zero_count(field: RawField<'_>) -> Option<u64> {
    raw_field::count(field).filter(|tokens| *tokens > 0)
}

fn strings(field: RawField<'_>) -> Option<Vec<String>> {
    let list = raw_field::array(field)?;
    Some(list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect())
}

fn split_modalities(modalities: &str) -> Vec<String> {
    modalities.split('+').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(entry: &str) -> CatalogModel {
        let page = decode_models(format!(r#"{{"data":[{entry}]}}"#).as_bytes()).unwrap();
        page.models.into_iter().next().unwrap()
    }

    #[test]
    fn an_entry_needs_only_an_id() {
        let model = only(r#"{"id":"a/b"}"#);
        assert_eq!((model.id.as_str(), model.name.as_str()), ("a/b", "a/b"));
        assert_eq!(model.context_length, None);
        assert_eq!(model.pricing.prompt, None);
    }

    #[test]
    fn the_older_modality_field_replaces_missing_lists() {
        let model = only(r#"{"id":"a/b","architecture":{"modality":"text+image->text"}}"#);
        assert_eq!(model.input_modalities, ["text", "image"]);
        assert_eq!(model.output_modalities, ["text"]);
    }

    #[test]
    fn an_undecodable_entry_is_skipped_alone() {
        let page = decode_models(br#"{"data":[{"id":"a/b"},{"name":"?"},7,null,{"id":"c/d","pricing":[]}]}"#)
            .unwrap();
        let ids: Vec<_> = page.models.iter().map(|model| model.id.as_str()).collect();
        assert_eq!((ids, page.unreadable), (vec!["a/b", "c/d"], 3));
        let many = format!(r#"{{"data":[{}{{"id":"z"}}]}}"#, r#"{"id":"a"},"#.repeat(MAX_MODELS));
        let page = decode_models(many.as_bytes()).unwrap();
        assert_eq!((page.models.len(), page.unreadable), (MAX_MODELS, 1));
    }

    #[test]
    fn a_body_of_another_shape_is_an_invalid_response() {
        for body in ["", "[]", "{}", "null", r#"{"data":{}}"#, "<html>"] {
            assert!(decode_models(body.as_bytes()).is_err(), "{body}");
        }
        let error = decode_models(br#"{"error":{"code":503,"message":"no"}}"#).unwrap_err();
        assert_eq!(error.status, Some(503));
    }
}
