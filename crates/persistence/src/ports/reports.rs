//! Reports on the ledger, as a principal may read it. A filter that admits nothing sends no query.

use causerie_domain::page::Page;
use causerie_domain::ports::{
    ReportQuery, Reports, SessionAuditList, SessionKey, StoreError, UsageKey, UsageList, UsageReport,
};
use causerie_domain::report::{SessionAudit, UsageRecord, UsageSums};

use crate::store::{SqlStore, run};

#[async_trait::async_trait]
impl Reports for SqlStore {
    async fn usage_report(&self, query: ReportQuery) -> Result<UsageReport, StoreError> {
        if query.rows.visible.is_nothing() {
            return Ok(UsageReport { groups: nothing(), total: UsageSums::default() });
        }
        run!(self, Snapshot, reports::make(query))
    }

    async fn usage_records(&self, list: UsageList) -> Result<Page<UsageRecord, UsageKey>, StoreError> {
        if list.rows.visible.is_nothing() {
            return Ok(nothing());
        }
        run!(self, Snapshot, usage_records::page(list))
    }

    async fn audit_sessions(
        &self,
        list: SessionAuditList,
    ) -> Result<Page<SessionAudit, SessionKey>, StoreError> {
        if list.auditable.is_nothing() {
            return Ok(nothing());
        }
        run!(self, Snapshot, session_audit::page(list))
    }
}

fn nothing<T, K>() -> Page<T, K> {
    Page { rows: Vec::new(), next: None }
}
