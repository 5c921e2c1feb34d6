//! Integrity checks.

use causerie_domain::Timestamp;
use causerie_domain::ports::{
    IntegrityCheck, IntegrityChecks, IntegrityReport, StoreError, SummaryReport, UnsettledUsage,
};

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl IntegrityChecks for SqlStore {
    async fn check(&self, rows: IntegrityCheck) -> Result<IntegrityReport, StoreError> {
        transact!(self, Snapshot, integrity::check(rows))
    }

    async fn compare_summaries(&self, from: Timestamp) -> Result<SummaryReport, StoreError> {
        transact!(self, Snapshot, usage::compare_summaries(from))
    }

    async fn unsettled(&self, limit: u32) -> Result<UnsettledUsage, StoreError> {
        transact!(self, Snapshot, integrity::unsettled(limit))
    }
}
