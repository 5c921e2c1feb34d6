//! The machinery that learns what requests cost.

use causerie_domain::ports::{
    AccountUsage, ClaimLookup, OverdueUsage, PostponeLookup, Reconciliation, SettleUsage, StoreError,
    UnaccountedUsage,
};
use causerie_domain::usage::PendingUsage;

use crate::store::{SqlStore, run};

#[async_trait::async_trait]
impl Reconciliation for SqlStore {
    async fn unaccounted(&self, limit: u32) -> Result<Vec<UnaccountedUsage>, StoreError> {
        run!(self, Snapshot, reconcile::unaccounted(limit))
    }

    async fn account(&self, account: AccountUsage) -> Result<bool, StoreError> {
        run!(self, Write, reconcile::account(account))
    }

    async fn overdue(&self, overdue: OverdueUsage) -> Result<Vec<PendingUsage>, StoreError> {
        run!(self, Read, reconcile::overdue(overdue))
    }

    async fn claim_lookup(&self, claim: ClaimLookup) -> Result<Option<PendingUsage>, StoreError> {
        run!(self, Write, reconcile::claim(claim))
    }

    async fn settle_usage(&self, settle: SettleUsage) -> Result<bool, StoreError> {
        run!(self, Write, reconcile::settle(settle))
    }

    async fn postpone_lookup(&self, postpone: PostponeLookup) -> Result<(), StoreError> {
        run!(self, Write, reconcile::postpone(postpone))
    }
}
