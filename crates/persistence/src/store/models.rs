//! Models. A filter that matches nothing sends no query.

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::models::{CatalogModel, Model, RejectedModel};
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{Calibration, DirectoryError, ModelChange, ModelSettings, Models, StoreError};
use causerie_domain::{Filter, Timestamp};

use crate::input::CalibrateModel;
use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Models for SqlStore {
    async fn replace_catalog(
        &self,
        catalog: Vec<CatalogModel>,
        now: Timestamp,
    ) -> Result<Vec<RejectedModel>, StoreError> {
        transact!(self, Write, models::replace_catalog((catalog, now)))
    }

    async fn calibrate(&self, id: &str, from: Option<u32>, to: u32) -> Result<Calibration, StoreError> {
        transact!(self, Write, models::calibrate(CalibrateModel { id: id.to_owned(), from, to }))
    }

    async fn models(&self, visible: &Filter) -> Result<Vec<Model>, StoreError> {
        if visible.is_nothing() {
            return Ok(Vec::new());
        }
        transact!(self, Read, models::visible(visible.clone()))
    }

    async fn model_page(
        &self,
        visible: &Filter,
        page: PageRequest<String>,
    ) -> Result<Page<Model, String>, StoreError> {
        if visible.is_nothing() {
            return Ok(Page::empty());
        }
        transact!(self, Snapshot, models::page((visible.clone(), page)))
    }
}

#[async_trait::async_trait]
impl ModelSettings for SqlStore {
    async fn sync_catalog(
        &self,
        catalog: Vec<CatalogModel>,
        stamp: AuditStamp,
    ) -> Result<Vec<RejectedModel>, StoreError> {
        transact!(self, Write, models::sync_catalog((catalog, stamp)))
    }

    async fn change_model(
        &self,
        id: &str,
        allowed: &Filter,
        change: ModelChange,
        stamp: AuditStamp,
    ) -> Result<Model, DirectoryError> {
        transact!(self, Write, models::change((id.to_owned(), allowed.clone(), change, stamp)))
    }
}
