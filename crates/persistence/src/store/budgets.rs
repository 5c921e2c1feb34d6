//! Budgets.

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::budgets::{Budget, BudgetState, BudgetSubject};
use causerie_domain::ports::{Budgets, DirectoryError, StoreError};
use causerie_domain::{Filter, Timestamp};

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Budgets for SqlStore {
    async fn budgets(&self, of: &[BudgetSubject], at: Timestamp) -> Result<Vec<BudgetState>, StoreError> {
        transact!(self, Snapshot, budgets::states((of.to_vec(), at)))
    }

    async fn set_budget(
        &self,
        budget: Budget,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<BudgetState, DirectoryError> {
        transact!(self, Write, budgets::set((budget, allowed.clone(), stamp)))
    }

    async fn delete_budget(
        &self,
        subject: BudgetSubject,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        transact!(self, Write, budgets::delete((subject, allowed.clone(), stamp)))
    }
}
