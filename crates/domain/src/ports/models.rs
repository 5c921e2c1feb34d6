//! Ports for the stored catalog of models.

use std::fmt::Debug;

use super::{DirectoryError, StoreError};
use crate::audit_events::AuditStamp;
use crate::models::{CatalogModel, Model, RejectedModel};
use crate::page::{Page, PageRequest};
use crate::{Filter, GroupId, Timestamp};

/// Result of a calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calibration {
    Stored,
    /// The stored ratio differs from the expected one; the value is the stored ratio. Nothing was stored.
    Changed(Option<u32>),
    NoSuchModel,
}

/// Stores the catalog of the upstream together with the settings of administrators.
#[async_trait::async_trait]
pub trait Models: Send + Sync + Debug {
    /// Replaces the catalog. Models that are no longer listed stay stored for history. Settings of administrators
    /// stay.
    ///
    /// Each entry is taken over or rejected alone, by [`CatalogModel::rejection`]. Returns the rejected entries.
    async fn replace_catalog(
        &self,
        catalog: Vec<CatalogModel>,
        now: Timestamp,
    ) -> Result<Vec<RejectedModel>, StoreError>;

    /// Replaces the ratio of characters per token of a model, in thousandths, if the stored ratio is `from`.
    async fn calibrate(&self, id: &str, from: Option<u32>, to: u32) -> Result<Calibration, StoreError>;

    /// Returns the models that match the filter (on Model), by id.
    async fn models(&self, visible: &Filter) -> Result<Vec<Model>, StoreError>;

    /// Returns a page of the models that match the filter (on Model), by id. It ends early if its models are large.
    async fn model_page(
        &self,
        visible: &Filter,
        page: PageRequest<String>,
    ) -> Result<Page<Model, String>, StoreError>;
}

/// Changeset of a model: fields that are `Some` are updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelChange {
    /// Whether the model may be used.
    pub enabled: Option<bool>,
    /// Whether only the group may use the model.
    pub restricted: Option<bool>,
    /// Group of a restricted model; `Some(None)` removes it.
    pub group_id: Option<Option<GroupId>>,
}

/// Stores the settings of administrators for models. Each change and its audit event are one transaction.
#[async_trait::async_trait]
pub trait ModelSettings: Send + Sync + Debug {
    /// Replaces the catalog as [`Models::replace_catalog`] does.
    async fn sync_catalog(
        &self,
        catalog: Vec<CatalogModel>,
        stamp: AuditStamp,
    ) -> Result<Vec<RejectedModel>, StoreError>;

    /// Changes a model that matches the filter (on Model).
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::NoSuchReference`] for the group.
    async fn change_model(
        &self,
        id: &str,
        allowed: &Filter,
        change: ModelChange,
        stamp: AuditStamp,
    ) -> Result<Model, DirectoryError>;
}
