//! The port to reports: the ledger as a principal may read it, and conversations as one may audit them.

use std::fmt::Debug;

use crate::calendar::{Day, Span};
use crate::page::{Page, PageRequest};
use crate::ports::{SessionKey, StoreError};
use crate::report::{GroupKey, Grouping, SessionAudit, UsageGroup, UsageRecord, UsageSums};
use crate::{Filter, GroupId, SessionId, Timestamp, ToolId, UsageId, UserId};

/// Which rows of the ledger are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageSelection {
    /// What the principal may read (a filter on Usage).
    pub visible: Filter,
    /// When they were opened.
    pub span: Span,
    /// Only those that asked for this model.
    pub model: Option<String>,
    /// Only those with this tool.
    pub tool_id: Option<ToolId>,
    /// Only those of this user.
    pub user_id: Option<UserId>,
    /// Only those of this group.
    pub group_id: Option<GroupId>,
    /// Only those of this conversation.
    pub session_id: Option<SessionId>,
}

/// A report to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportQuery {
    /// Over which rows.
    pub rows: UsageSelection,
    /// What they are summed by, each named once; the groups come in this order, those without a value first.
    pub group_by: Vec<Grouping>,
    /// The days of the span, where rows are summed by day.
    pub days: Vec<Day>,
    /// How many groups at most.
    pub limit: u32,
    /// The last group of the page before.
    pub after: Option<GroupKey>,
}

/// Sums by group, and over everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReport {
    /// A page of the groups.
    pub groups: Page<UsageGroup, GroupKey>,
    /// The sums over all rows, on whatever page they are.
    pub total: UsageSums,
}

/// The place of a row among rows: newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageKey {
    /// When it was opened.
    pub created_at: Timestamp,
    /// Its id.
    pub id: UsageId,
}

/// Which rows to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageList {
    /// Out of which.
    pub rows: UsageSelection,
    /// Which part of the list. Exports read larger pages than other lists, up to 1000 rows.
    pub page: PageRequest<UsageKey>,
}

/// Which conversations to list for an auditor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionAuditList {
    /// What the principal may audit (a filter on Session).
    pub auditable: Filter,
    /// Only those of this user.
    pub user_id: Option<UserId>,
    /// Only those of this group.
    pub group_id: Option<GroupId>,
    /// Only those with this tool.
    pub tool_id: Option<ToolId>,
    /// Which part of the list.
    pub page: PageRequest<SessionKey>,
}

/// Reads what was used and what it cost, as far as a principal may.
#[async_trait::async_trait]
pub trait Reports: Send + Sync + Debug {
    /// Sums over rows, all of one state of the ledger.
    async fn usage_report(&self, query: ReportQuery) -> Result<UsageReport, StoreError>;

    /// A page of rows, newest first.
    async fn usage_records(&self, list: UsageList) -> Result<Page<UsageRecord, UsageKey>, StoreError>;

    /// A page of conversations with their sums, newest activity first.
    async fn audit_sessions(
        &self,
        list: SessionAuditList,
    ) -> Result<Page<SessionAudit, SessionKey>, StoreError>;
}
