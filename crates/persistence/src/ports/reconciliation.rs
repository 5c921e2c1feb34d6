//! The machinery that learns what requests cost.

use causerie_domain::ports::{
    ClaimLookup, ExpiredLookupsQuery, PostponeLookup, PriceUsage, Reconciliation, SettleUsage, StoreError,
    UnpricedUsage,
};
use causerie_domain::usage::PendingUsage;

use crate::store::{SqlStore, run};

#[async_trait::async_trait]
impl Reconciliation for SqlStore {
    async fn unpriced(&self, limit: u32) -> Result<Vec<UnpricedUsage>, StoreError> {
        run!(self, Snapshot, reconcile::unpriced(limit))
    }

    async fn price(&self, price: PriceUsage) -> Result<bool, StoreError> {
        run!(self, Write, reconcile::account(price))
    }

    async fn expired_lookups(&self, overdue: ExpiredLookupsQuery) -> Result<Vec<PendingUsage>, StoreError> {
        run!(self, Read, reconcile::expired_lookups(overdue))
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
