//! Models as a principal may see and use them.

pub(crate) mod calibration;
pub(crate) mod catalog;
mod sync;

use causerie_domain::models::Model;
use causerie_domain::principal::Principal;

use crate::authorization::Action;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

impl Runtime {
    /// The models the principal may read, by id.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] where the principal may read no model at all.
    pub async fn models(&self, principal: &Principal) -> Result<Vec<Model>, RuntimeError> {
        let visible = self.access(principal)?.models(Action::Read)?;
        Ok(self.inner.models.models(&visible).await?)
    }

    /// Reads the upstream's catalogue into the store now, if the principal may update models. Returns how many
    /// models it lists.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`]; [`RuntimeError::Upstream`], and the old catalogue stays in force.
    pub async fn sync_models(&self, principal: &Principal) -> Result<usize, RuntimeError> {
        self.access(principal)?.models(Action::Update)?;
        self.sync_catalog().await.map_err(|error| {
            tracing::warn!(%error, "the catalogue of models is not current");
            error.into()
        })
    }
}
