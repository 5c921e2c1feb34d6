//! Synchronization of the model catalogue: from the upstream into the store, and from the store into memory.

use std::time::Duration;

use causerie_domain::Filter;
use causerie_domain::models::{CatalogListing, CatalogUpdate, RejectedModel};
use causerie_domain::ports::StoreError;

use super::catalog::CatalogError;
use crate::runtime::RuntimeInner;

/// Maximum age of the stored catalogue before it is read from the upstream again.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Interval at which the stored catalogue is read, to load the changes of other instances.
const RELOAD_INTERVAL: Duration = Duration::from_secs(60);

/// Maximum number of ignored entries that a synchronization logs one by one.
const MAX_LOGGED_REJECTIONS: usize = 20;

impl RuntimeInner {
    /// Loads the stored catalogue into memory, after the corrections of its ratios are stored.
    pub(crate) async fn reload_catalog(&self) -> Result<(), StoreError> {
        self.store_corrections().await;
        self.catalog.replace(self.models.models(&Filter::Everything).await?);
        Ok(())
    }

    /// Stores the catalogue of the upstream and loads it into memory.
    pub(crate) async fn sync_catalog(&self) -> Result<CatalogUpdate, CatalogError> {
        let CatalogListing { models, unreadable } = self.gateway.models().await?;
        let listed = models.len();
        let rejected = self.models.replace_catalog(models, self.clock.now()).await?;
        self.load_update(listed + unreadable, unreadable, &rejected).await
    }

    /// Loads an updated catalogue into memory, logs the entries that were not taken over, and returns their number.
    pub(super) async fn load_update(
        &self,
        listed: usize,
        unreadable: usize,
        rejected: &[RejectedModel],
    ) -> Result<CatalogUpdate, CatalogError> {
        for RejectedModel { id, reason } in rejected.iter().take(MAX_LOGGED_REJECTIONS) {
            tracing::warn!(model = id, reason, "an entry of the model catalogue is ignored");
        }
        self.reload_catalog().await?;
        let rejected = unreadable + rejected.len();
        Ok(CatalogUpdate { stored: listed - rejected, rejected })
    }

    /// Loads the stored catalogue at [`RELOAD_INTERVAL`], and synchronizes it with the upstream at [`MAX_AGE`].
    pub(crate) async fn keep_catalog_current(&self) {
        loop {
            if let Err(error) = self.reload_catalog().await {
                tracing::warn!(%error, "reading the stored model catalogue failed; retrying");
            } else if self.catalog_is_stale() {
                match self.sync_catalog().await {
                    Ok(CatalogUpdate { stored, rejected }) => {
                        tracing::info!(models = stored, rejected, "synchronized the model catalogue")
                    }
                    Err(error) => {
                        tracing::warn!(%error, "synchronizing the model catalogue failed; retrying")
                    }
                }
            }
            tokio::time::sleep(RELOAD_INTERVAL).await;
        }
    }

    fn catalog_is_stale(&self) -> bool {
        self.catalog.last_listed_at().is_none_or(|listed| self.clock.now().since(listed) > MAX_AGE)
    }
}
