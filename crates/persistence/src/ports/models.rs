//! The stored catalogue of models.

use causerie_domain::model::{CatalogueModel, Model};
use causerie_domain::ports::{ModelStore, StoreError};
use causerie_domain::{Filter, Timestamp};

use crate::store::{SqlStore, run};

#[async_trait::async_trait]
impl ModelStore for SqlStore {
    async fn take_over(&self, catalogue: Vec<CatalogueModel>, now: Timestamp) -> Result<(), StoreError> {
        run!(self, Write, models::take_over((catalogue, now)))
    }

    async fn models(&self, visible: &Filter) -> Result<Vec<Model>, StoreError> {
        if visible.is_nothing() {
            return Ok(Vec::new());
        }
        run!(self, Read, models::visible(visible.clone()))
    }
}
