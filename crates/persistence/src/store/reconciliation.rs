//! Reconciliation of the costs of requests.

use causerie_domain::ports::{
    ClaimLookup, ExpiredLookupsQuery, PostponeLookup, PriceUsage, Reconciliation, SettleUsage, StoreError,
    UnpricedUsage,
};
use causerie_domain::usage::PendingUsage;

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Reconciliation for SqlStore {
    async fn unpriced(&self, limit: u32) -> Result<Vec<UnpricedUsage>, StoreError> {
        transact!(self, Snapshot, usage::unpriced(limit))
    }

    async fn price(&self, price: PriceUsage) -> Result<bool, StoreError> {
        transact!(self, Write, usage::price(price))
    }

    async fn expired_lookups(&self, overdue: ExpiredLookupsQuery) -> Result<Vec<PendingUsage>, StoreError> {
        transact!(self, Read, usage::expired_lookups(overdue))
    }

    async fn claim_lookup(&self, claim: ClaimLookup) -> Result<Option<PendingUsage>, StoreError> {
        transact!(self, Write, usage::claim_lookup(claim))
    }

    async fn settle_usage(&self, settle: SettleUsage) -> Result<bool, StoreError> {
        transact!(self, Write, usage::settle(settle))
    }

    async fn postpone_lookup(&self, postpone: PostponeLookup) -> Result<(), StoreError> {
        transact!(self, Write, usage::postpone_lookup(postpone))
    }
}
