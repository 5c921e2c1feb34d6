//! No reports in memory: sums by any field are what a database is for.

use async_trait::async_trait;
use causerie_domain::page::Page;
use causerie_domain::ports::{
    ReportQuery, Reports, SessionAuditList, SessionKey, StoreError, UsageKey, UsageList, UsageReport,
};
use causerie_domain::report::{SessionAudit, UsageRecord};

use super::MemoryStore;

#[async_trait]
impl Reports for MemoryStore {
    async fn usage_report(&self, _: ReportQuery) -> Result<UsageReport, StoreError> {
        Err(unsupported())
    }

    async fn usage_records(&self, _: UsageList) -> Result<Page<UsageRecord, UsageKey>, StoreError> {
        Err(unsupported())
    }

    async fn audit_sessions(
        &self,
        _: SessionAuditList,
    ) -> Result<Page<SessionAudit, SessionKey>, StoreError> {
        Err(unsupported())
    }
}

fn unsupported() -> StoreError {
    StoreError::Unavailable("a store in memory makes no reports".into())
}
