//! The models of the installation, in memory, beside the stored catalogue.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use causerie_domain::Timestamp;
use causerie_domain::completion::CompletionError;
use causerie_domain::models::{CatalogModel, Model, strip_routing_suffix};
use causerie_domain::ports::StoreError;

/// A copy of the stored catalogue.
#[derive(Debug, Default)]
pub(crate) struct ModelCatalog {
    listing: RwLock<Arc<Listing>>,
}

#[derive(Debug, Clone, Default)]
struct Listing {
    by_id: HashMap<String, Arc<Model>>,
    /// The models by the dated ids that they stand for.
    by_dated_id: HashMap<String, Arc<Model>>,
}

/// Why the catalogue could not be synchronised. The old one stays in force.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The upstream did not give it.
    #[error("the upstream's catalogue cannot be read: {0}")]
    Upstream(#[from] CompletionError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ModelCatalog {
    /// The model with this id or this dated id; where only the id without its routing suffix is listed, that one.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Model>> {
        let listing = self.listing();
        let listed = |id: &str| listing.by_id.get(id).or_else(|| listing.by_dated_id.get(id)).cloned();
        listed(id).or_else(|| listed(strip_routing_suffix(id)))
    }

    /// The model that served a request for another one, by the id that the answer names: its own or its dated one.
    ///
    /// None where the asked model answered under either of its names, and where the catalogue does not know the id.
    pub(crate) fn served_instead(&self, asked: &str, served: &str) -> Option<Arc<Model>> {
        let answers =
            |model: &CatalogModel| model.id == served || model.canonical_slug.as_deref() == Some(served);
        if asked == served || self.get(asked).is_some_and(|model| answers(&model.catalog)) {
            return None;
        }
        self.get(served)
    }

    /// Takes a corrected ratio over before the stored catalogue is read again.
    pub(crate) fn calibrated(&self, id: &str, millichars: u32) {
        let mut listing = self.listing.write().unwrap_or_else(PoisonError::into_inner);
        let Listing { by_id, by_dated_id } = Arc::make_mut(&mut listing);
        for model in by_id.values_mut().chain(by_dated_id.values_mut()) {
            if model.catalog.id == id {
                Arc::make_mut(model).millichars_per_token = Some(millichars);
            }
        }
    }

    fn listing(&self) -> Arc<Listing> {
        Arc::clone(&self.listing.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn newest_listing(&self) -> Option<Timestamp> {
        self.listing().by_id.values().map(|model| model.listed_at).max()
    }

    pub(super) fn replace(&self, models: Vec<Model>) {
        let mut models: Vec<_> = models.into_iter().map(Arc::new).collect();
        // Of several models with one dated id, the one that was listed last has it.
        models.sort_by_key(|model| model.listed_at);
        let by_dated_id = models
            .iter()
            .filter_map(|model| Some((dated_id(&model.catalog)?, Arc::clone(model))))
            .collect();
        let by_id = models.into_iter().map(|model| (model.catalog.id.clone(), model)).collect();
        *self.listing.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(Listing { by_id, by_dated_id });
    }
}

/// The dated id that a model stands for. Variants such as `:free` share it with their model and differ in price, so
/// theirs has the variant, too.
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
    fn a_model_is_known_by_every_id_that_requests_may_name() {
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
    fn the_model_that_served_is_found_by_either_of_its_names() {
        let catalog = ModelCatalog::default();
        catalog.replace(vec![
            model("a/big", "a/big-2026", 1),
            model("a/big:free", "a/big-2026", 1),
            model("b/small", "b/small", 1),
            model("openrouter/auto", "openrouter/auto", 1),
        ]);
        let check = |asked: &str, served: &str, expected: Option<&str>| {
            let found = catalog.served_instead(asked, served);
            assert_eq!(found.as_ref().map(|model| model.catalog.id.as_str()), expected, "{asked} {served}");
        };
        check("a/big", "a/big", None);
        check("a/big", "a/big-2026", None);
        check("a/big:free", "a/big-2026", None);
        check("a/big:nitro", "a/big-2026", None);
        check("a/big", "b/small", Some("b/small"));
        check("b/small", "a/big-2026", Some("a/big"));
        check("openrouter/auto", "a/big-2026", Some("a/big"));
        check("a/big", "nobody/knows", None);
    }
}
