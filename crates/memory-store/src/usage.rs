//! Usage reports. They require a database, so all methods return an error.

use async_trait::async_trait;
use causerie_domain::page::Page;
use causerie_domain::ports::{
    StoreError, UsageRecordCursor, UsageRecordQuery, UsageReport, UsageReportQuery, UsageReports,
};
use causerie_domain::usage::reports::UsageRecord;

use super::MemoryStore;

#[async_trait]
impl UsageReports for MemoryStore {
    async fn usage_report(&self, _: UsageReportQuery) -> Result<UsageReport, StoreError> {
        Err(unsupported())
    }

    async fn usage_records(
        &self,
        _: UsageRecordQuery,
    ) -> Result<Page<UsageRecord, UsageRecordCursor>, StoreError> {
        Err(unsupported())
    }
}

/// Returns the error of all reports.
pub(super) fn unsupported() -> StoreError {
    StoreError::Unavailable("the in-memory store has no reports".into())
}
