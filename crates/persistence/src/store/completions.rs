//! Completions without a session.

use causerie_domain::budgets::BudgetSubject;
use causerie_domain::ports::{
    BeginCompletion, BeginCompletionError, CompletionStore, NextCompletionAttempt, ReapCompletions,
    RenewCompletion, StoreError, TurnLease, TurnStoreError,
};
use causerie_domain::usage::CloseUsage;
use causerie_domain::{InstanceId, UsageId, Usd};

use crate::input::{FinishCompletion, RenewCompletions};
use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl CompletionStore for SqlStore {
    async fn has_budget(&self, of: Vec<BudgetSubject>) -> Result<bool, StoreError> {
        transact!(self, Read, completions::has_budget(of))
    }

    async fn begin_completion(&self, begin: BeginCompletion) -> Result<Option<Usd>, BeginCompletionError> {
        transact!(self, Write, completions::begin(begin))
    }

    async fn renew_completions(
        &self,
        lease: TurnLease,
        completions: Vec<RenewCompletion>,
    ) -> Result<Vec<UsageId>, StoreError> {
        transact!(self, PriorityWrite, completions::renew(RenewCompletions { lease, completions }))
    }

    async fn next_completion_attempt(&self, next: NextCompletionAttempt) -> Result<(), TurnStoreError> {
        transact!(self, PriorityWrite, completions::next_attempt(next))
    }

    async fn finish_completion(&self, owner: InstanceId, close: CloseUsage) -> Result<(), TurnStoreError> {
        transact!(self, PriorityWrite, completions::finish(FinishCompletion { owner, close }))
    }

    async fn reap_completions(&self, reap: ReapCompletions) -> Result<Vec<UsageId>, StoreError> {
        transact!(self, Write, completions::reap(reap))
    }
}
