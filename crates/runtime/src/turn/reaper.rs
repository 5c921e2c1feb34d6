//! The reaper: closes turns that another process left running.

use causerie_domain::ports::{Reap, ReapScope, StoreError};
use causerie_domain::turns::Turn;

use crate::runtime::RuntimeInner;

/// Maximum number of turns that are closed in one transaction.
pub(crate) const BATCH_SIZE: u32 = 100;

impl RuntimeInner {
    /// Closes all turns of the scope as interrupted, in batches.
    pub(crate) async fn reap_all(&self, scope: ReapScope) -> Result<(), StoreError> {
        loop {
            let reaped = self.reap(scope).await?;
            for turn in &reaped {
                tracing::warn!(turn = %turn.id, "closed a turn that its process left running");
            }
            if reaped.len() < BATCH_SIZE as usize {
                return Ok(());
            }
        }
    }

    /// Closes up to a batch of turns of the scope. A turn that runs in this process keeps running: after a jump of the
    /// clock or a suspension of the process its lease looks expired, although its next flush renews it.
    pub(crate) async fn reap(&self, scope: ReapScope) -> Result<Vec<Turn>, StoreError> {
        let running_here = self.running.ids();
        self.turn_store.reap(Reap { scope, running_here, limit: BATCH_SIZE, now: self.clock.now() }).await
    }

    /// Closes turns with an expired lease, until the runtime ends.
    pub(crate) async fn run_reaper(&self) {
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(self.settings.lease / 3) => {}
            }
            if let Err(error) = self.reap_all(ReapScope::Expired).await {
                tracing::warn!(%error, "closing turns with an expired lease failed; retrying");
            }
        }
    }
}
