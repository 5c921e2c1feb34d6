//! Beginning and ending: what a process does before its first turn and after its last.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::ports::{Reap, ReapScope, StoreError};

use crate::models::catalog::CatalogError;
use crate::runtime::{Runtime, RuntimeInner};
use crate::turn::streams::REAPED_AT_ONCE;

/// How long the turns that are cut at the end of a drain have to be stored.
const CUT_GRACE: Duration = Duration::from_secs(5);

impl Runtime {
    /// Closes turns that an earlier process left running, and starts the machinery: the flusher, the reaper,
    /// the reconciler and the catalogue's refresh. `scope` is [`ReapScope::Everything`] only for a store nobody else can have open.
    ///
    /// Call it once, before the first send.
    ///
    /// # Errors
    /// [`StoreError`] where the left-over turns cannot be closed or priced.
    pub async fn start(&self, scope: ReapScope) -> Result<(), StoreError> {
        let inner = &self.inner;
        inner.reap_all(scope).await?;
        inner.reload_catalog().await?;
        // What earlier processes left is priced before anybody asks what it cost.
        inner.reconciler.price_all().await?;
        let flusher = Arc::clone(&inner.flusher);
        let ended = inner.ended.clone();
        inner.background_tasks.spawn_on(async move { flusher.run(ended).await }, &inner.handle);
        let reaping = Arc::clone(inner);
        inner.background_tasks.spawn_on(async move { reaping.keep_reaping().await }, &inner.handle);
        let reconciler = Arc::clone(&inner.reconciler);
        let ended = inner.ended.clone();
        inner.background_tasks.spawn_on(async move { reconciler.run(ended).await }, &inner.handle);
        let refreshing = Arc::clone(inner);
        // An upstream that is slow to tell its catalogue must not hold up the end.
        let refresh =
            async move { refreshing.ended.run_until_cancelled(refreshing.keep_catalog_current()).await };
        inner.background_tasks.spawn_on(refresh, &inner.handle);
        Ok(())
    }

    /// Reads the upstream's catalogue of models now. Returns how many models it lists.
    ///
    /// # Errors
    /// [`CatalogError`]; the old catalogue stays in force.
    pub async fn sync_catalog(&self) -> Result<usize, CatalogError> {
        self.inner.sync_catalog().await
    }

    /// Whether the process is about to end and begins no turn.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.is_cancelled()
    }

    /// From now on no turn is begun.
    pub fn stop_sends(&self) {
        self.inner.draining.cancel();
    }

    /// Ends the runtime: no new turns; running ones finish until the deadline; the rest are closed as interrupted
    /// with their text so far.
    pub async fn drain(&self, deadline: Duration) {
        let inner = &self.inner;
        self.stop_sends();
        inner.turns.close();
        if tokio::time::timeout(deadline, inner.turns.wait()).await.is_err() {
            let turns = inner.running.stop_all();
            tracing::info!(turns, "drain deadline reached, running turns are cut");
            if tokio::time::timeout(CUT_GRACE, inner.turns.wait()).await.is_err() {
                tracing::warn!("some turns could not be stored and are left to the reaper");
            }
        }
        inner.ended.cancel();
        inner.background_tasks.close();
        if tokio::time::timeout(CUT_GRACE, inner.background_tasks.wait()).await.is_err() {
            tracing::warn!("the machinery did not end in time");
        }
    }
}

impl RuntimeInner {
    /// Closes left-over turns until none is left.
    async fn reap_all(&self, scope: ReapScope) -> Result<(), StoreError> {
        loop {
            let reap = Reap { scope, limit: REAPED_AT_ONCE, now: self.clock.now() };
            let reaped = self.ledger.reap(reap).await?;
            for turn in &reaped {
                tracing::warn!(turn = %turn.id, "turn closed as interrupted, its owner is gone");
            }
            if reaped.len() < REAPED_AT_ONCE as usize {
                return Ok(());
            }
        }
    }

    /// Closes turns whose lease runs out, until the runtime ends.
    async fn keep_reaping(&self) {
        loop {
            tokio::select! {
                () = self.ended.cancelled() => return,
                () = tokio::time::sleep(self.settings.lease / 3) => {}
            }
            if let Err(error) = self.reap_all(ReapScope::Expired).await {
                tracing::warn!(%error, "left-over turns could not be closed, will be tried again");
            }
        }
    }
}
