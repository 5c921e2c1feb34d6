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
