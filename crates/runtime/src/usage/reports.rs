//! Reports and records of usage, and the audit of sessions, with the rights of a principal.

use causerie_domain::calendar::{Day, Span};
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{
    SessionAuditQuery, SessionCursor, UsageFilter, UsageRecordCursor, UsageRecordQuery, UsageReport,
    UsageReportQuery,
};
use causerie_domain::principal::Principal;
use causerie_domain::sessions::SessionAudit;
use causerie_domain::usage::reports::{Grouping, ReportKey, UsageRecord};
use causerie_domain::{Filter, GroupId, SessionId, Timestamp, ToolId, UserId};

use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Selects usage rows of upstream requests. Rows match all fields that are `Some`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectUsage {
    /// Time at which the rows were opened.
    pub span: Span,
    /// Requested model.
    pub model: Option<String>,
    /// Slug or id of the tool.
    pub tool: Option<String>,
    pub user_id: Option<UserId>,
    pub group_id: Option<GroupId>,
    pub session_id: Option<SessionId>,
}

/// Usage report to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportUsage {
    pub rows: SelectUsage,
    /// Distinct groupings. The groups are sorted by their values in this order.
    pub group_by: Vec<Grouping>,
    /// Days of the span, if the rows are grouped by day.
    pub days: Vec<Day>,
    /// Maximum number of groups.
    pub limit: u32,
    /// Last group of the previous page.
    pub after: Option<ReportKey>,
}

/// Selects a page of usage records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListUsage {
    pub rows: SelectUsage,
    /// Maximum number of records, 1 to 1000.
    pub limit: u32,
    /// Last record of the previous page.
    pub after: Option<UsageRecordCursor>,
}

/// Selects a page of sessions to audit. Sessions match all fields that are `Some`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSessions {
    /// Slug or id of the tool.
    pub tool: Option<String>,
    pub user_id: Option<UserId>,
    pub group_id: Option<GroupId>,
    /// Maximum number of sessions, 1 to 100.
    pub limit: u32,
    /// Last session of the previous page.
    pub after: Option<SessionCursor>,
}

impl Runtime {
    /// Returns the time of the runtime's clock, which is the default end of a report.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Returns sums over the usage rows that the principal may read.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] if the principal may read no usage.
    pub async fn usage_report(
        &self,
        principal: &Principal,
        report: ReportUsage,
    ) -> Result<UsageReport, RuntimeError> {
        let rows = self.usage_filter(&self.access(principal)?, report.rows).await?;
        let ReportUsage { group_by, days, limit, after, .. } = report;
        Ok(self.inner.reports.usage_report(UsageReportQuery { rows, group_by, days, limit, after }).await?)
    }

    /// Returns a page of the usage records that the principal may read, newest first.
    ///
    /// # Errors
    /// As [`Runtime::usage_report`].
    pub async fn usage_records(
        &self,
        principal: &Principal,
        list: ListUsage,
    ) -> Result<Page<UsageRecord, UsageRecordCursor>, RuntimeError> {
        let rows = self.usage_filter(&self.access(principal)?, list.rows).await?;
        let page = PageRequest { limit: list.limit, after: list.after.map(After) };
        Ok(self.inner.reports.usage_records(UsageRecordQuery { rows, page }).await?)
    }

    /// Returns a page of the sessions that the principal may audit, latest activity first: with user, time, tool
    /// and cost, without content.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] if the principal may audit no session.
    pub async fn audit_sessions(
        &self,
        principal: &Principal,
        list: AuditSessions,
    ) -> Result<Page<SessionAudit, SessionCursor>, RuntimeError> {
        let auditable = self.access(principal)?.sessions(Action::Audit)?;
        let (auditable, tool_id) = match self.tool_selection(list.tool).await? {
            ToolSelection::All => (auditable, None),
            ToolSelection::One(id) => (auditable, Some(id)),
            ToolSelection::None => (Filter::Nothing, None),
        };
        let (user_id, group_id) = (list.user_id, list.group_id);
        let page = PageRequest { limit: list.limit, after: list.after.map(After) };
        let list = SessionAuditQuery { auditable, user_id, group_id, tool_id, page };
        Ok(self.inner.conversations.audit_sessions(list).await?)
    }

    async fn usage_filter(&self, access: &Access, rows: SelectUsage) -> Result<UsageFilter, RuntimeError> {
        let visible = access.usage(Action::Read)?;
        let (visible, tool_id) = match self.tool_selection(rows.tool).await? {
            ToolSelection::All => (visible, None),
            ToolSelection::One(id) => (visible, Some(id)),
            ToolSelection::None => (Filter::Nothing, None),
        };
        let SelectUsage { span, model, user_id, group_id, session_id, .. } = rows;
        Ok(UsageFilter { visible, span, model, tool_id, user_id, group_id, session_id })
    }

    /// Returns the tools that a slug or id selects. Principals can select rows by a tool that they may not read,
    /// also by a disabled one, because the result has only rows that they may read.
    async fn tool_selection(&self, slug_or_id: Option<String>) -> Result<ToolSelection, RuntimeError> {
        let Some(slug_or_id) = slug_or_id else { return Ok(ToolSelection::All) };
        if let Ok(id) = slug_or_id.parse() {
            return Ok(ToolSelection::One(id));
        }
        let tool = self.inner.tools.tool(&slug_or_id, &Filter::Everything).await?;
        Ok(tool.map_or(ToolSelection::None, |tool| ToolSelection::One(tool.id)))
    }
}

/// Tools whose rows are selected.
#[derive(Debug)]
enum ToolSelection {
    All,
    One(ToolId),
    /// No tool has the requested slug.
    None,
}
