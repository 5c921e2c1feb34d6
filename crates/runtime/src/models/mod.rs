//! Models: reading, changing and synchronizing them with the rights of a principal.

pub(crate) mod calibration;
pub(crate) mod catalog;
pub(crate) mod corrections;
mod settings;
mod sync;

use causerie_domain::models::{CatalogListing, CatalogUpdate, Model};
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::principal::Principal;

use crate::authorization::Action;
use crate::core::error::RuntimeError;
use crate::models::catalog::CatalogError;
use crate::runtime::Runtime;

impl Runtime {
    /// Returns a page of the models that the principal may read, by id.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] if the principal may read no model.
    pub async fn models(
        &self,
        principal: &Principal,
        page: PageRequest<String>,
    ) -> Result<Page<Model, String>, RuntimeError> {
        let visible = self.access(principal)?.models(Action::Read)?;
        Ok(self.inner.models.model_page(&visible, page).await?)
    }

    /// Stores the catalogue of the upstream, if the principal may update models, and records it as an audit event.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`]; [`RuntimeError::Upstream`], after which the previous catalogue remains in use.
    pub async fn sync_models(&self, principal: &Principal) -> Result<CatalogUpdate, RuntimeError> {
        self.access(principal)?.models(Action::Update)?;
        self.store_catalog(principal).await.map_err(|error| {
            tracing::warn!(%error, "synchronizing the model catalogue failed");
            error.into()
        })
    }

    async fn store_catalog(&self, principal: &Principal) -> Result<CatalogUpdate, CatalogError> {
        let inner = &self.inner;
        let CatalogListing { models, unreadable } = inner.gateway.models().await?;
        let (listed, stamp) = (models.len() + unreadable, self.stamp(principal));
        let rejected = match &inner.directory {
            Some(directory) => directory.sync_catalog(models, stamp).await?,
            None => inner.models.replace_catalog(models, stamp.at).await?,
        };
        inner.load_update(listed, unreadable, &rejected).await
    }
}
