//! Ports for the usage ledger: reports for principals, and [`reconciliation`] of costs.

pub(super) mod reconciliation;

use std::fmt::Debug;

use crate::calendar::{Day, Span};
use crate::page::{Page, PageRequest};
use crate::ports::StoreError;
use crate::usage::reports::{Grouping, ReportKey, ReportRow, UsageRecord, UsageTotals};
use crate::{Filter, GroupId, SessionId, Timestamp, ToolId, UsageId, UserId};

/// Selects usage rows. Fields that are `None` do not restrict the selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageFilter {
    /// Rows that the principal may read (filter on Usage).
    pub visible: Filter,
    /// Half-open range of the creation time.
    pub span: Span,
    /// Requested model.
    pub model: Option<String>,
    pub tool_id: Option<ToolId>,
    pub user_id: Option<UserId>,
    pub group_id: Option<GroupId>,
    pub session_id: Option<SessionId>,
}

/// A report on usage rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReportQuery {
    pub rows: UsageFilter,
    /// Grouping fields without repetition. They are also the sort order; groups without a value come first.
    pub group_by: Vec<Grouping>,
    /// Days of the span; used where rows are grouped by day.
    pub days: Vec<Day>,
    /// Maximum number of groups.
    pub limit: u32,
    /// Last group of the previous page.
    pub after: Option<ReportKey>,
}

/// Sums by group, and the total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReport {
    pub groups: Page<ReportRow, ReportKey>,
    /// Sums over all selected rows, independent of the page.
    pub total: UsageTotals,
}

/// Position of a usage row in a list: newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageRecordCursor {
    pub created_at: Timestamp,
    pub id: UsageId,
}

/// Selects usage rows to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecordQuery {
    pub rows: UsageFilter,
    /// Page. Exports use pages of up to 1000 rows; other lists use at most 100.
    pub page: PageRequest<UsageRecordCursor>,
}

/// Reads usage rows.
#[async_trait::async_trait]
pub trait UsageReports: Send + Sync + Debug {
    /// Returns sums over rows, computed from one snapshot of the ledger.
    async fn usage_report(&self, query: UsageReportQuery) -> Result<UsageReport, StoreError>;

    /// Returns a page of rows, newest first.
    async fn usage_records(
        &self,
        query: UsageRecordQuery,
    ) -> Result<Page<UsageRecord, UsageRecordCursor>, StoreError>;
}

/// Sums of the ledger that are kept, so that reports do not read each row.
#[async_trait::async_trait]
pub trait UsageSummaries: Send + Sync + Debug {
    /// Sums some of the rows that were opened before an instant and have no summary, or changed since their summary.
    /// Returns whether there are more. Reports are the same before and after it.
    ///
    /// Other writes to the ledger wait meanwhile. Rows that still change should be left out: each change makes the summary
    /// of a period stale, and its rows are read until they are summarized again.
    async fn summarize_usage(&self, before: Timestamp) -> Result<bool, StoreError>;
}
