//! The stored catalogue of models.

use causerie_domain::model::{CatalogueModel, Model};
use causerie_domain::ports::{Calibration, ModelStore, StoreError};
use causerie_domain::{Filter, Timestamp};

use crate::input::Calibrate;
use crate::store::{SqlStore, run};

#[async_trait::async_trait]
impl ModelStore for SqlStore {
    async fn take_over(&self, catalogue: Vec<CatalogueModel>, now: Timestamp) -> Result<(), StoreError> {
        run!(self, Write, models::take_over((catalogue, now)))
    }

    async fn calibrate(&self, id: &str, from: Option<u32>, to: u32) -> Result<Calibration, StoreError> {
        run!(self, Write, models::calibrate(Calibrate { id: id.to_owned(), from, to }))
    }

    async fn models(&self, visible: &Filter) -> Result<Vec<Model>, StoreError> {
        if visible.is_nothing() {
            return Ok(Vec::new());
        }
        run!(self, Read, models::visible(visible.clone()))
    }
}
