//! Port for the administration of budgets. Reservations and spending belong to the port of turns.

use std::fmt::Debug;

use super::{DirectoryError, StoreError};
use crate::audit_events::AuditStamp;
use crate::budgets::{Budget, BudgetState, BudgetSubject};
use crate::{Filter, Timestamp};

/// Stores budgets. Deleting a user, group or API key deletes its budget.
#[async_trait::async_trait]
pub trait Budgets: Send + Sync + Debug {
    /// Returns the state of the budgets of these subjects at a time, by the id of the subject. Subjects without a
    /// budget are left out. The caller checks the right to read them.
    async fn budgets(&self, of: &[BudgetSubject], at: Timestamp) -> Result<Vec<BudgetState>, StoreError>;

    /// Sets or replaces the budget of a subject that matches the filter (on User, Group or ApiKey). Costs and
    /// reservations of the current window count at once.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    async fn set_budget(
        &self,
        budget: Budget,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<BudgetState, DirectoryError>;

    /// Deletes the budget of a subject that matches the filter.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], also if the subject has no budget.
    async fn delete_budget(
        &self,
        subject: BudgetSubject,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;
}
