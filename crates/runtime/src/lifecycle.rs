//! Beginning and ending: what a process does before its first turn and after its last.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::ports::{Reap, ReapScope, StoreError};

use crate::engine::Engine;
use crate::streams::REAPED_AT_ONCE;
use crate::{CatalogError, Runtime};

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
        let engine = &self.engine;
        engine.reap_all(scope).await?;
        engine.reload_catalogue().await?;
        // What earlier processes left is priced before anybody asks what it cost.
        engine.reconciler.account_all().await?;
        let flusher = Arc::clone(&engine.flusher);
        let ended = engine.ended.clone();
        engine.machinery.spawn_on(async move { flusher.run(ended).await }, &engine.handle);
        let reaping = Arc::clone(engine);
        engine.machinery.spawn_on(async move { reaping.keep_reaping().await }, &engine.handle);
        let reconciler = Arc::clone(&engine.reconciler);
        let ended = engine.ended.clone();
        engine.machinery.spawn_on(async move { reconciler.run(ended).await }, &engine.handle);
        let refreshing = Arc::clone(engine);
        // An upstream that is slow to tell its catalogue must not hold up the end.
        let refresh = async move { refreshing.ended.run_until_cancelled(refreshing.keep_catalogue()).await };
        engine.machinery.spawn_on(refresh, &engine.handle);
        Ok(())
    }

    /// Reads the upstream's catalogue of models now. Returns how many models it lists.
    ///
    /// # Errors
    /// [`CatalogError`]; the old catalogue stays in force.
    pub async fn synchronise_models(&self) -> Result<usize, CatalogError> {
        self.engine.synchronise_catalogue().await
    }

    /// Whether the process is about to end and begins no turn.
    pub fn is_draining(&self) -> bool {
        self.engine.draining.is_cancelled()
    }

    /// From now on no turn is begun.
    pub fn stop_sends(&self) {
        self.engine.draining.cancel();
    }

    /// Ends the runtime: no new turns; running ones finish until the deadline; the rest are closed as interrupted
    /// with their text so far.
    pub async fn drain(&self, deadline: Duration) {
        let engine = &self.engine;
        self.stop_sends();
        engine.turns.close();
        if tokio::time::timeout(deadline, engine.turns.wait()).await.is_err() {
            let turns = engine.running.cut();
            tracing::info!(turns, "drain deadline reached, running turns are cut");
            if tokio::time::timeout(CUT_GRACE, engine.turns.wait()).await.is_err() {
                tracing::warn!("some turns could not be stored and are left to the reaper");
            }
        }
        engine.ended.cancel();
        engine.machinery.close();
        if tokio::time::timeout(CUT_GRACE, engine.machinery.wait()).await.is_err() {
            tracing::warn!("the machinery did not end in time");
        }
    }
}

impl Engine {
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
