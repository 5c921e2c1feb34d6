//! Copy of the stored model catalogue in memory.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use causerie_domain::Timestamp;
use causerie_domain::completion::CompletionError;
use causerie_domain::models::{CatalogModel, Model, strip_routing_suffix};
use causerie_domain::ports::StoreError;

/// Copy of the stored model catalogue.
#[derive(Debug, Default)]
pub(crate) struct ModelCatalog {
    index: RwLock<Arc<ModelIndex>>,
}

#[derive(Debug, Clone, Default)]
struct ModelIndex {
    by_id: HashMap<String, Arc<Model>>,
    /// Models by the dated id that they refer to, such as `openai/gpt-5-mini-2025-08-07`.
    by_dated_id: HashMap<String, Arc<Model>>,
}

/// Failure of a synchronization of the catalogue. The previous catalogue remains in use.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("the upstream's catalogue cannot be read: {0}")]
    Upstream(#[from] CompletionError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ModelCatalog {
    /// Returns the model with this id or dated id, or else the one with the id without its routing suffix.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Model>> {
        let index = self.index();
        let listed = |id: &str| index.by_id.get(id).or_else(|| index.by_dated_id.get(id)).cloned();
        listed(id).or_else(|| listed(strip_routing_suffix(id)))
    }

    /// Returns whether no model is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.index().by_id.is_empty()
    }

    /// Returns the model that served a request instead of the requested one. `served` is the id in the answer,
    /// plain or dated.
    ///
    /// Returns `None` if `served` is an id of the requested model, or is not in the catalogue.
    pub(crate) fn substitute(&self, asked: &str, served: &str) -> Option<Arc<Model>> {
        let answers =
            |model: &CatalogModel| model.id == served || model.canonical_slug.as_deref() == Some(served);
        if asked == served || self.get(asked).is_some_and(|model| answers(&model.catalog)) {
            return None;
        }
        self.get(served)
    }

    /// Sets a corrected ratio, so that it is used before the stored catalogue is read again.
    pub(crate) fn set_ratio(&self, id: &str, millichars: u32) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let ModelIndex { by_id, by_dated_id } = Arc::make_mut(&mut index);
        for model in by_id.values_mut().chain(by_dated_id.values_mut()) {
            if model.catalog.id == id {
                Arc::make_mut(model).millichars_per_token = Some(millichars);
            }
        }
    }

    fn index(&self) -> Arc<ModelIndex> {
        Arc::clone(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the time of the last synchronization with the upstream.
    pub(super) fn last_listed_at(&self) -> Option<Timestamp> {
        self.index().by_id.values().map(|model| model.listed_at).max()
    }

    pub(super) fn replace(&self, models: Vec<Model>) {
        let mut models: Vec<_> = models.into_iter().map(Arc::new).collect();
        // If several models have the same dated id, it refers to the one that was listed last.
        models.sort_by_key(|model| model.listed_at);
        let by_dated_id =
            models.iter().filter_map(|model| Some((dated_id(&model.catalog)?, Arc::clone(model)))).collect();
        let by_id = models.into_iter().map(|model| (model.catalog.id.clone(), model)).collect();
        *self.index.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(ModelIndex { by_id, by_dated_id });
    }
}

/// Returns the dated id of a model. The upstream lists variants such as `:free` with the dated id of their model; the
/// variant is appended here, because its price differs.
fn dated_id(model: &CatalogModel) -> Option<String> {
    let dated = model.canonical_slug.clone()?;
    match model.id.rsplit_once(':') {
        Some((_, variant)) if !dated.contains(':') => Some(format!("{dated}:{variant}")),
        _ => Some(dated),
    }
}

#[cfg(test)]
mod tests {
    use causerie_domain::models::Pricing;

    use super::*;

    fn model(id: &str, dated: &str, listed_at: i64) -> Model {
        Model {
            catalog: CatalogModel {
                id: id.to_owned(),
                canonical_slug: Some(dated.to_owned()),
                name: id.to_owned(),
                context_length: None,
                max_completion_tokens: None,
                input_modalities: Vec::new(),
                output_modalities: Vec::new(),
                supported_parameters: Vec::new(),
                pricing: Pricing::default(),
            },
            enabled: true,
            restricted: false,
            group_id: None,
            millichars_per_token: None,
            listed_at: Timestamp::from_micros(listed_at),
        }
    }

    #[test]
    fn a_model_is_found_by_each_id_that_a_request_may_have() {
        let catalog = ModelCatalog::default();
        catalog.replace(vec![
            model("openai/gpt-5-mini", "openai/gpt-5-mini-2025-08-07", 2),
            model("openai/gpt-5-mini-preview", "openai/gpt-5-mini-2025-08-07", 1),
            model("deepseek/r1", "deepseek/r1-0528", 2),
            model("deepseek/r1:free", "deepseek/r1-0528", 2),
            model("a/b", "c/d", 1),
            model("c/d", "c/d", 1),
        ]);
        #[track_caller]
        fn check(catalog: &ModelCatalog, asked: &str, expected: Option<&str>) {
            let found = catalog.get(asked);
            assert_eq!(found.as_ref().map(|model| model.catalog.id.as_str()), expected, "{asked}");
        }
        check(&catalog, "openai/gpt-5-mini", Some("openai/gpt-5-mini"));
        check(&catalog, "openai/gpt-5-mini-2025-08-07", Some("openai/gpt-5-mini"));
        check(&catalog, "openai/gpt-5-mini-2025-08-07:nitro", Some("openai/gpt-5-mini"));
        check(&catalog, "deepseek/r1-0528", Some("deepseek/r1"));
        check(&catalog, "deepseek/r1-0528:free", Some("deepseek/r1:free"));
        check(&catalog, "deepseek/r1:online", Some("deepseek/r1"));
        check(&catalog, "c/d", Some("c/d"));
        check(&catalog, "openai/gpt-5-mini-2024-01-01", None);
        check(&catalog, "openai/gpt-5-mini:free", None);
    }

    #[test]
    fn the_model_that_served_is_found_by_its_id_and_its_dated_id() {
        let catalog = ModelCatalog::default();
        catalog.replace(vec![
            model("a/big", "a/big-2026", 1),
            model("a/big:free", "a/big-2026", 1),
            model("b/small", "b/small", 1),
            model("openrouter/auto", "openrouter/auto", 1),
        ]);
        let check = |asked: &str, served: &str, expected: Option<&str>| {
            let found = catalog.substitute(asked, served);
            assert_eq!(found.as_ref().map(|model| model.catalog.id.as_str()), expected, "{asked} {served}");
        };
        check("a/big", "a/big", None);
        check("a/big", "a/big-2026", None);
        check("a/big:free", "a/big-2026", None);
        check("a/big:nitro", "a/big-2026", None);
        check("a/big", "b/small", Some("b/small"));
        check("b/small", "a/big-2026", Some("a/big"));
        check("openrouter/auto", "a/big-2026", Some("a/big"));
        check("a/big", "other/unlisted", None);
    }
}
