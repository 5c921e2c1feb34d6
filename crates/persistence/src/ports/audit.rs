//! Checking a store against what it promises.

use causerie_domain::ports::{IntegrityCheck, IntegrityChecks, IntegrityReport, StoreError, UnsettledUsage};

use crate::store::{SqlStore, run};

#[async_trait::async_trait]
impl IntegrityChecks for SqlStore {
    async fn check(&self, rows: IntegrityCheck) -> Result<IntegrityReport, StoreError> {
        run!(self, Snapshot, audit::part(rows))
    }

    async fn unsettled(&self, limit: u32) -> Result<UnsettledUsage, StoreError> {
        run!(self, Snapshot, audit::unsettled(limit))
    }
}
