//! The stored catalogue of models.

use causerie_domain::models::{CatalogModel, Model};
use causerie_domain::ports::{Calibration, Models, StoreError};
use causerie_domain::{Filter, Timestamp};

use crate::input::Calibrate;
use crate::store::{SqlStore, run};

#[async_trait::async_trait]
impl Models for SqlStore {
    async fn replace_catalog(&self, catalogue: Vec<CatalogModel>, now: Timestamp) -> Result<(), StoreError> {
        run!(self, Write, models::replace_catalog((catalogue, now)))
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
