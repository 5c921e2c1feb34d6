//! The catalog of models, and the calibration of token estimates.

use async_trait::async_trait;
use causerie_domain::models::{CatalogModel, KnownPrices, Model, RejectedModel};
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{Calibration, Models, StoreError};
use causerie_domain::{Filter, Timestamp};

use super::MemoryStore;
use super::filter::matching;

#[async_trait]
impl Models for MemoryStore {
    async fn replace_catalog(
        &self,
        catalog: Vec<CatalogModel>,
        now: Timestamp,
    ) -> Result<Vec<RejectedModel>, StoreError> {
        let mut state = self.lock();
        let mut rejected = Vec::new();
        for listed in catalog {
            let known = state.models.get(&listed.id).map(|model| KnownPrices::from(&model.catalog.pricing));
            if let Some(reason) = listed.rejection(known) {
                rejected.push(RejectedModel::new(&listed, reason));
                continue;
            }
            let known = state.models.remove(&listed.id);
            let model = match known {
                Some(known) => Model { catalog: listed, listed_at: now, ..known },
                None => Model {
                    catalog: listed,
                    enabled: true,
                    restricted: false,
                    group_id: None,
                    millichars_per_token: None,
                    listed_at: now,
                },
            };
            state.models.insert(model.catalog.id.clone(), model);
        }
        Ok(rejected)
    }

    async fn calibrate(&self, id: &str, from: Option<u32>, to: u32) -> Result<Calibration, StoreError> {
        let mut state = self.lock();
        let Some(model) = state.models.get_mut(id) else { return Ok(Calibration::NoSuchModel) };
        if model.millichars_per_token != from {
            return Ok(Calibration::Changed(model.millichars_per_token));
        }
        model.millichars_per_token = Some(to);
        Ok(Calibration::Stored)
    }

    async fn models(&self, visible: &Filter) -> Result<Vec<Model>, StoreError> {
        Ok(matching(visible, self.lock().models.values())?.into_iter().cloned().collect())
    }

    async fn model_page(
        &self,
        visible: &Filter,
        page: PageRequest<String>,
    ) -> Result<Page<Model, String>, StoreError> {
        let mut models = self.models(visible).await?;
        models.retain(|model| page.after.as_ref().is_none_or(|After(last)| model.catalog.id > *last));
        models.sort_by(|one, other| one.catalog.id.cmp(&other.catalog.id));
        Ok(Page::cut(models, page.limit, |model| model.catalog.id.clone()))
    }
}
