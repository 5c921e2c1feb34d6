//! Checking a store against what it promises.

use causerie_domain::ports::{AuditFound, AuditStep, StoreAudit, StoreError, Unsettled};

use crate::store::{SqlStore, run};

#[async_trait::async_trait]
impl StoreAudit for SqlStore {
    async fn audit(&self, part: AuditStep) -> Result<AuditFound, StoreError> {
        run!(self, Snapshot, audit::part(part))
    }

    async fn unsettled(&self, limit: u32) -> Result<Unsettled, StoreError> {
        run!(self, Snapshot, audit::unsettled(limit))
    }
}
