//! Port for completions without a session. Each change of a running completion is fenced by its owner.

use std::fmt::Debug;

use super::{IdempotencyKey, ReapScope, StoreError, TurnLease, TurnStoreError};
use crate::budgets::{BudgetRefusal, BudgetSubject};
use crate::usage::{CloseUsage, OpenUsage, UsageProgress};
use crate::{InstanceId, Timestamp, UsageId, Usd};

/// Completion to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginCompletion {
    /// Usage row of the first request, without a session.
    pub usage: OpenUsage,
    /// Key of the completion, unique for its user.
    pub key: Option<IdempotencyKey>,
    /// Start of the period in which keys are kept. Earlier keys are cleared and may be reused.
    pub keys_kept_since: Timestamp,
    pub lease: TurnLease,
    /// Maximum cost, to reserve in budgets; `None` if it is unknown.
    pub max_cost: Option<Usd>,
}

/// Completion that was begun with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedCompletion {
    /// First usage row.
    pub usage_id: UsageId,
    /// Hash of the body with which the completion was begun.
    pub body_hash: String,
}

/// Refusal to begin a completion. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum BeginCompletionError {
    #[error("the user is disabled")]
    UserDisabled,
    /// The key belongs to this completion. The caller compares the bodies.
    #[error("the idempotency key was used for completion {}", .0.usage_id)]
    KeyUsed(KeyedCompletion),
    /// The remaining amount of a budget is less than the maximum cost.
    #[error("the budget of the {} is used up", .0.state.budget.subject.kind())]
    OverBudget(Box<BudgetRefusal>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Renewal of the lease of a running completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewCompletion {
    /// Open usage row.
    pub usage_id: UsageId,
    /// Progress since the last renewal.
    pub progress: Option<UsageProgress>,
}

/// Transition from one request of a completion to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextCompletionAttempt {
    pub lease: TurnLease,
    /// Values that close the previous usage row.
    pub close: CloseUsage,
    /// Usage row of the next request.
    pub open: OpenUsage,
}

/// One round of the reaper of completions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReapCompletions {
    pub scope: ReapScope,
    /// Open rows of completions that run in the calling process. They are never closed.
    pub running_here: Vec<UsageId>,
    pub limit: u32,
    pub now: Timestamp,
}

/// Stores the usage rows of completions without a session. The owner of an open row holds it by a lease.
#[async_trait::async_trait]
pub trait CompletionStore: Send + Sync + Debug {
    /// Returns whether one of these subjects has a budget.
    async fn has_budget(&self, of: Vec<BudgetSubject>) -> Result<bool, StoreError>;

    /// Opens the first usage row and reserves the maximum cost in each budget that applies. Returns the remaining amount
    /// of the budget with the least left. A repetition returns the same result.
    ///
    /// # Errors
    /// [`BeginCompletionError`]; nothing is stored then.
    async fn begin_completion(&self, begin: BeginCompletion) -> Result<Option<Usd>, BeginCompletionError>;

    /// Renews leases and stores progress, in one transaction. Returns the rows whose lease was lost.
    async fn renew_completions(
        &self,
        lease: TurnLease,
        completions: Vec<RenewCompletion>,
    ) -> Result<Vec<UsageId>, StoreError>;

    /// Closes the usage row of a request and opens the next one, which takes the reservation over. A repetition changes
    /// nothing.
    ///
    /// # Errors
    /// [`TurnStoreError::Lost`].
    async fn next_completion_attempt(&self, next: NextCompletionAttempt) -> Result<(), TurnStoreError>;

    /// Closes the last usage row. A repetition changes nothing.
    ///
    /// # Errors
    /// [`TurnStoreError::Lost`].
    async fn finish_completion(&self, owner: InstanceId, close: CloseUsage) -> Result<(), TurnStoreError>;

    /// Closes open rows of the scope as interrupted, with a pending cost. Returns the closed rows.
    async fn reap_completions(&self, reap: ReapCompletions) -> Result<Vec<UsageId>, StoreError>;
}
