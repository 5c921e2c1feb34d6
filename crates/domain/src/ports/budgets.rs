//! The port to budgets, as principals administer them. What a turn weighs on them is the ledger's business.

use std::fmt::Debug;

use super::{DirectoryError, StoreError};
use crate::audit_events::AuditStamp;
use crate::budgets::{Budget, BudgetState, BudgetSubject};
use crate::{Filter, Timestamp};

/// Keeps budgets. A deleted user, group or key takes its own with it.
#[async_trait::async_trait]
pub trait Budgets: Send + Sync + Debug {
    /// Where the budgets of these subjects stand at an instant, by the ids of the subjects. Who has none is left out.
    /// The caller has decided that its reader may read them.
    async fn budgets(&self, of: &[BudgetSubject], at: Timestamp) -> Result<Vec<BudgetState>, StoreError>;

    /// Sets the budget of a subject that the filter (on User, Group or ApiKey) admits, in place of the one it has.
    /// What its requests cost and reserve in the current window counts at once.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    async fn set_budget(
        &self,
        budget: Budget,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<BudgetState, DirectoryError>;

    /// Takes the budget of a subject that the filter admits away.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], also where it has none.
    async fn delete_budget(
        &self,
        subject: BudgetSubject,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;
}
