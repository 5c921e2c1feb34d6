//! Integrity checks.

use causerie_domain::ports::{IntegrityCheck, IntegrityChecks, IntegrityReport, StoreError, UnsettledUsage};

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl IntegrityChecks for SqlStore {
    async fn check(&self, rows: IntegrityCheck) -> Result<IntegrityReport, StoreError> {
        transact!(self, Snapshot, integrity::check(rows))
    }

    async fn unsettled(&self, limit: u32) -> Result<UnsettledUsage, StoreError> {
        transact!(self, Snapshot, integrity::unsettled(limit))
    }
}
