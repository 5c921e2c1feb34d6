//! Store of completions whose begin takes time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use causerie_domain::budgets::BudgetSubject;
use causerie_domain::ports::{
    BeginCompletion, BeginCompletionError, CompletionStore, NextCompletionAttempt, ReapCompletions,
    RenewCompletion, StoreError, TurnLease, TurnStoreError,
};
use causerie_domain::usage::CloseUsage;
use causerie_domain::{InstanceId, UsageId, Usd};
use causerie_memory_store::MemoryStore;

/// Store whose [`CompletionStore::begin_completion`] takes a time, and can fail once.
#[derive(Debug)]
pub(crate) struct SlowCompletions {
    pub(crate) inner: MemoryStore,
    pub(crate) delay: Duration,
    /// Whether the next begin fails.
    pub(crate) fails: AtomicBool,
}

#[async_trait]
impl CompletionStore for SlowCompletions {
    async fn has_budget(&self, of: Vec<BudgetSubject>) -> Result<bool, StoreError> {
        self.inner.has_budget(of).await
    }

    async fn begin_completion(&self, begin: BeginCompletion) -> Result<Option<Usd>, BeginCompletionError> {
        tokio::time::sleep(self.delay).await;
        if self.fails.swap(false, Ordering::Relaxed) {
            return Err(BeginCompletionError::UserDisabled);
        }
        self.inner.begin_completion(begin).await
    }

    async fn renew_completions(
        &self,
        lease: TurnLease,
        completions: Vec<RenewCompletion>,
    ) -> Result<Vec<UsageId>, StoreError> {
        self.inner.renew_completions(lease, completions).await
    }

    async fn next_completion_attempt(&self, next: NextCompletionAttempt) -> Result<(), TurnStoreError> {
        self.inner.next_completion_attempt(next).await
    }

    async fn finish_completion(&self, owner: InstanceId, close: CloseUsage) -> Result<(), TurnStoreError> {
        self.inner.finish_completion(owner, close).await
    }

    async fn reap_completions(&self, reap: ReapCompletions) -> Result<Vec<UsageId>, StoreError> {
        self.inner.reap_completions(reap).await
    }
}
