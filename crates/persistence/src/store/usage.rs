//! Usage reports. A filter that matches nothing sends no query.

use causerie_domain::Timestamp;
use causerie_domain::page::Page;
use causerie_domain::ports::{
    StoreError, UsageRecordCursor, UsageRecordQuery, UsageReport, UsageReportQuery, UsageReports,
    UsageSummaries,
};
use causerie_domain::usage::reports::{UsageRecord, UsageTotals};

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl UsageReports for SqlStore {
    async fn usage_report(&self, query: UsageReportQuery) -> Result<UsageReport, StoreError> {
        if query.rows.visible.is_nothing() {
            return Ok(UsageReport { groups: empty(), total: UsageTotals::default() });
        }
        transact!(self, Snapshot, usage::report(query))
    }

    async fn usage_records(
        &self,
        list: UsageRecordQuery,
    ) -> Result<Page<UsageRecord, UsageRecordCursor>, StoreError> {
        if list.rows.visible.is_nothing() {
            return Ok(empty());
        }
        transact!(self, Snapshot, usage::records(list))
    }
}

#[async_trait::async_trait]
impl UsageSummaries for SqlStore {
    async fn summarize_usage(&self, before: Timestamp) -> Result<bool, StoreError> {
        transact!(self, Write, usage::summarize(before))
    }
}

fn empty<T, K>() -> Page<T, K> {
    Page { rows: Vec::new(), next: None }
}
