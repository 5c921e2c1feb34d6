//! The models of the installation, in memory, beside the stored catalogue.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use causerie_domain::completion::CompletionError;
use causerie_domain::model::{Model, without_routing_suffix};
use causerie_domain::ports::StoreError;
use causerie_domain::{Filter, Timestamp};

use crate::engine::Engine;

/// A catalogue older than this is read anew from the upstream.
const FRESH_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the stored catalogue is read, so that what other instances changed becomes known.
pub(crate) const RELOAD_INTERVAL: Duration = Duration::from_secs(60);

/// A copy of the stored catalogue by model id.
#[derive(Debug, Default)]
pub(crate) struct ModelCatalogue {
    models: RwLock<Arc<HashMap<String, Arc<Model>>>>,
}

/// Why the catalogue could not be synchronised. The old one stays in force.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The upstream did not give it.
    #[error("the upstream's catalogue cannot be read: {0}")]
    Upstream(#[from] CompletionError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ModelCatalogue {
    /// The model with this id; where only the id without its routing suffix is listed, that one.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Model>> {
        let models = self.all();
        models.get(id).or_else(|| models.get(without_routing_suffix(id))).cloned()
    }

    /// The model that served a request for another one, by the id that the answer names: its own or its dated one.
    ///
    /// None where the asked model answered under either of its names, and where the catalogue does not know the id.
    /// Variants such as `:free` share a dated id with their model, which then is the one that counts.
    pub(crate) fn served_instead(&self, asked: &str, served: &str) -> Option<Arc<Model>> {
        let dated = |model: &Model| model.catalogue.canonical_slug.as_deref() == Some(served);
        if asked == served || self.get(asked).is_some_and(|model| dated(&model)) {
            return None;
        }
        self.get(served).or_else(|| {
            let models = self.all();
            models.values().filter(|model| dated(model)).min_by_key(|model| model.catalogue.id.len()).cloned()
        })
    }

    /// The model that an answer names: by its id, or by the dated id it stands for.
    pub(crate) fn answering(&self, id: &str) -> Option<Arc<Model>> {
        let dated = |model: &&Arc<Model>| model.catalogue.canonical_slug.as_deref() == Some(id);
        self.get(id).or_else(|| self.all().values().find(dated).cloned())
    }

    /// Takes a corrected ratio over before the stored catalogue is read again.
    pub(crate) fn calibrated(&self, id: &str, millichars: u32) {
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = Arc::make_mut(&mut models).get_mut(id) {
            Arc::make_mut(model).millichars_per_token = Some(millichars);
        }
    }

    fn all(&self) -> Arc<HashMap<String, Arc<Model>>> {
        Arc::clone(&self.models.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn newest_listing(&self) -> Option<Timestamp> {
        self.all().values().map(|model| model.listed_at).max()
    }

    fn replace(&self, models: Vec<Model>) {
        let by_id = models.into_iter().map(|model| (model.catalogue.id.clone(), Arc::new(model))).collect();
        *self.models.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(by_id);
    }
}

impl Engine {
    /// Reads the stored catalogue.
    pub(crate) async fn reload_catalogue(&self) -> Result<(), StoreError> {
        self.catalogue.replace(self.models.models(&Filter::Everything).await?);
        Ok(())
    }

    /// Reads the upstream's catalogue into the store. Returns how many models it lists.
    pub(crate) async fn synchronise_catalogue(&self) -> Result<usize, CatalogueError> {
        let listed = self.gateway.models().await?;
        let count = listed.len();
        self.models.take_over(listed, self.clock.now()).await?;
        self.reload_catalogue().await?;
        Ok(count)
    }

    /// Keeps the copy current, and the stored catalogue not older than a day.
    pub(crate) async fn keep_catalogue(&self) {
        loop {
            if let Err(error) = self.reload_catalogue().await {
                tracing::warn!(%error, "the stored catalogue of models cannot be read");
            } else if self.catalogue_is_stale() {
                match self.synchronise_catalogue().await {
                    Ok(models) => tracing::info!(models, "catalogue of models synchronised"),
                    Err(error) => tracing::warn!(%error, "the catalogue of models is not current"),
                }
            }
            tokio::time::sleep(RELOAD_INTERVAL).await;
        }
    }

    fn catalogue_is_stale(&self) -> bool {
        self.catalogue.newest_listing().is_none_or(|listed| self.clock.now().since(listed) > FRESH_FOR)
    }
}

#[cfg(test)]
mod tests {
    use causerie_domain::model::{CatalogueModel, Pricing};

    use super::*;

    fn model(id: &str, dated: Option<&str>) -> Model {
        Model {
            catalogue: CatalogueModel {
                id: id.to_owned(),
                canonical_slug: dated.map(str::to_owned),
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
            listed_at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn the_model_that_served_is_found_by_either_of_its_names() {
        let catalogue = ModelCatalogue::default();
        catalogue.replace(vec![
            model("a/big", Some("a/big-2026")),
            model("a/big:free", Some("a/big-2026")),
            model("b/small", None),
            model("openrouter/auto", None),
        ]);
        let check = |asked: &str, served: &str, expected: Option<&str>| {
            let found = catalogue.served_instead(asked, served);
            assert_eq!(found.as_ref().map(|model| model.catalogue.id.as_str()), expected, "{asked} {served}");
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
