//! Synchronization of the catalog: from the upstream into the store, and from the store into memory.

use std::time::Duration;

use causerie_domain::Filter;
use causerie_domain::ports::StoreError;

use super::catalog::CatalogError;
use crate::runtime::RuntimeInner;

/// A catalogue older than this is read anew from the upstream.
const FRESH_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the stored catalogue is read, so that what other instances changed becomes known.
const RELOAD_INTERVAL: Duration = Duration::from_secs(60);

impl RuntimeInner {
    /// Reads the stored catalogue.
    pub(crate) async fn reload_catalog(&self) -> Result<(), StoreError> {
        self.catalog.replace(self.models.models(&Filter::Everything).await?);
        Ok(())
    }

    /// Reads the upstream's catalogue into the store. Returns how many models it lists.
    pub(crate) async fn sync_catalog(&self) -> Result<usize, CatalogError> {
        let listed = self.gateway.models().await?;
        let count = listed.len();
        self.models.replace_catalog(listed, self.clock.now()).await?;
        self.reload_catalog().await?;
        Ok(count)
    }

    /// Keeps the copy current, and the stored catalogue not older than a day.
    pub(crate) async fn keep_catalog_current(&self) {
        loop {
            if let Err(error) = self.reload_catalog().await {
                tracing::warn!(%error, "the stored catalogue of models cannot be read");
            } else if self.catalog_is_stale() {
                match self.sync_catalog().await {
                    Ok(models) => tracing::info!(models, "catalogue of models synchronised"),
                    Err(error) => tracing::warn!(%error, "the catalogue of models is not current"),
                }
            }
            tokio::time::sleep(RELOAD_INTERVAL).await;
        }
    }

    fn catalog_is_stale(&self) -> bool {
        self.catalog.newest_listing().is_none_or(|listed| self.clock.now().since(listed) > FRESH_FOR)
    }
}
