//! Start and shutdown of a runtime.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::models::CatalogUpdate;
use causerie_domain::ports::{ReapScope, StoreError};

use crate::core::error::RuntimeError;
use crate::models::catalog::CatalogError;
use crate::runtime::Runtime;

/// Period in which interrupted turns and background tasks must end after the deadline of a drain.
const INTERRUPT_TIMEOUT: Duration = Duration::from_secs(5);

impl Runtime {
    /// Closes turns and completions that earlier processes left running, and starts the background tasks: flusher, reaper, reconciler
    /// and catalog refresh.
    ///
    /// Call it once, before the first send. Use [`ReapScope::Everything`] only if no other process can use the store,
    /// because it closes running turns of other instances too.
    ///
    /// # Errors
    /// [`StoreError`] if the turns cannot be closed or their usage rows cannot be priced.
    pub async fn start(&self, scope: ReapScope) -> Result<(), StoreError> {
        let inner = &self.inner;
        inner.reap_all(scope).await?;
        inner.reap_completions(scope).await?;
        inner.reload_catalog().await?;
        // Prices the usage rows of earlier processes before reports can read them.
        inner.reconciler.price_all().await?;
        let flusher = Arc::clone(&inner.flusher);
        let shutdown = inner.shutdown.clone();
        inner.background_tasks.spawn_on(async move { flusher.run(shutdown).await }, &inner.handle);
        let reaping = Arc::clone(inner);
        inner.background_tasks.spawn_on(async move { reaping.run_reaper().await }, &inner.handle);
        let keeping = Arc::clone(inner);
        inner.background_tasks.spawn_on(async move { keeping.keep_completions().await }, &inner.handle);
        let reconciler = Arc::clone(&inner.reconciler);
        let shutdown = inner.shutdown.clone();
        inner.background_tasks.spawn_on(async move { reconciler.run(shutdown).await }, &inner.handle);
        let refreshing = Arc::clone(inner);
        // Cancelled at once, so that a slow upstream does not delay the shutdown.
        let refresh =
            async move { refreshing.shutdown.run_until_cancelled(refreshing.keep_catalog_current()).await };
        inner.background_tasks.spawn_on(refresh, &inner.handle);
        Ok(())
    }

    /// Replaces the stored catalog by that of the upstream.
    ///
    /// # Errors
    /// [`CatalogError`]; the previous catalog is kept.
    pub async fn sync_catalog(&self) -> Result<CatalogUpdate, CatalogError> {
        self.inner.sync_catalog().await
    }

    /// Returns whether the runtime refuses new sends because of a shutdown.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.is_cancelled()
    }

    /// Returns [`RuntimeError::ShuttingDown`] for a request whose turn at the store does not come any more because of a
    /// shutdown, and any other error unchanged.
    pub(crate) fn shutdown_or(&self, error: RuntimeError) -> RuntimeError {
        match error {
            RuntimeError::Store(error) if error.is_overloaded() && self.is_draining() => {
                RuntimeError::ShuttingDown
            }
            error => error,
        }
    }

    /// Refuses all further sends with [`RuntimeError::ShuttingDown`].
    pub fn stop_sends(&self) {
        self.inner.draining.cancel();
    }

    /// Shuts the runtime down. New sends are refused; running turns may finish until the deadline. Turns that still run
    /// then are closed as interrupted and keep their text. Returns when the background tasks have ended.
    pub async fn drain(&self, deadline: Duration) {
        let inner = &self.inner;
        self.stop_sends();
        inner.turns.close();
        if tokio::time::timeout(deadline, inner.turns.wait()).await.is_err() {
            let turns = inner.running.stop_all();
            let completions = inner.completions.stop_all();
            tracing::info!(turns, completions, "drain deadline reached; interrupting running turns");
            if tokio::time::timeout(INTERRUPT_TIMEOUT, inner.turns.wait()).await.is_err() {
                tracing::warn!(
                    "storing interrupted turns timed out; their leases expire and the reaper closes them"
                );
            }
        }
        if tokio::time::timeout(INTERRUPT_TIMEOUT, inner.store_corrections()).await.is_err() {
            tracing::debug!("storing the token calibration timed out");
        }
        inner.shutdown.cancel();
        inner.background_tasks.close();
        if tokio::time::timeout(INTERRUPT_TIMEOUT, inner.background_tasks.wait()).await.is_err() {
            tracing::warn!("background tasks did not end in time");
        }
    }
}
