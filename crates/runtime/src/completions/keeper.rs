//! Keeps the leases of completions: renews those of this process, and closes the rows of dead processes.

use std::sync::Arc;

use causerie_domain::ports::{ReapCompletions, ReapScope, StoreError, TurnLease};

use super::running::RunningCompletion;
use crate::core::clock::monotonic;
use crate::runtime::RuntimeInner;
use crate::turn::reaper::BATCH_SIZE;
use crate::turn::running::Stop;

/// Maximum number of completions in one transaction.
const MAX_BATCH: usize = 64;

impl RuntimeInner {
    /// Renews leases, stores progress and closes completions of dead processes, until the runtime ends.
    pub(crate) async fn keep_completions(&self) {
        let mut ticks = tokio::time::interval(self.settings.lease / 3);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let is_tick = tokio::select! {
                () = self.shutdown.cancelled() => return,
                _ = ticks.tick() => true,
                () = self.completions.running.changed() => {
                    tokio::time::sleep(self.settings.flush_interval).await;
                    false
                }
            };
            self.renew_completions(is_tick).await;
            if is_tick && let Err(error) = self.reap_completions(ReapScope::Expired).await {
                tracing::warn!(%error, "closing completions with an expired lease failed; retrying");
            }
        }
    }

    /// Closes all completions of the scope as interrupted, in batches.
    pub(crate) async fn reap_completions(&self, scope: ReapScope) -> Result<(), StoreError> {
        loop {
            let running_here = self.completions.running.all();
            let reap = ReapCompletions {
                scope,
                running_here: running_here.iter().map(|running| running.usage_id()).collect(),
                limit: BATCH_SIZE,
                now: self.clock.now(),
            };
            let reaped = self.completion_store.reap_completions(reap).await?;
            for usage in &reaped {
                tracing::warn!(%usage, "closed a completion that its process left running");
            }
            if reaped.len() < BATCH_SIZE as usize {
                return Ok(());
            }
        }
    }

    pub(super) fn completion_lease(&self) -> TurnLease {
        TurnLease { owner: self.instance, duration: self.settings.lease }
    }

    /// Renews the leases of all completions, or stores only the progress of those that have any.
    async fn renew_completions(&self, all: bool) {
        let mut running = self.completions.running.all();
        running.retain(|completion| all || completion.has_progress());
        // If the store is slow, the leases that expire first are renewed first.
        running.sort_by_key(|completion| completion.renewed_at());
        for batch in running.chunks(MAX_BATCH) {
            if let Err(error) = self.renew_batch(batch).await {
                tracing::warn!(%error, "renewing the leases of completions failed; retrying");
                self.completions.running.notify();
            }
        }
        for completion in &running {
            let is_late = completion.renewed_at().elapsed() >= self.settings.lease * 2 / 3;
            if is_late && completion.stop(Stop::Lost) {
                tracing::warn!(usage = %completion.usage_id(), "renewing the lease failed; stopping the completion");
            }
        }
    }

    async fn renew_batch(&self, batch: &[Arc<RunningCompletion>]) -> Result<(), StoreError> {
        let started_at = monotonic();
        let renewals: Vec<_> = batch.iter().map(|completion| completion.take_renewal()).collect();
        let renewed = self.completion_store.renew_completions(self.completion_lease(), renewals.clone());
        // The timeout leaves time for a second try before the leases expire.
        let result = match tokio::time::timeout(self.settings.lease / 6, renewed).await {
            Ok(result) => result,
            Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
        };
        for (completion, renewal) in batch.iter().zip(renewals) {
            let is_lost = result.as_ref().is_ok_and(|lost| lost.contains(&renewal.usage_id));
            // The row of an earlier request of the completion is closed without a loss.
            if is_lost && completion.usage_id() == renewal.usage_id {
                completion.stop(Stop::Lost);
            }
            completion.complete_renewal(renewal, result.is_ok(), started_at);
        }
        result.map(|_| ())
    }
}
