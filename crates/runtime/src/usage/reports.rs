//! What was used and what it cost, as a principal may read it; and conversations, as one may audit them.

use causerie_domain::calendar::{Day, Span};
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{
    SessionAuditQuery, SessionCursor, UsageFilter, UsageRecordCursor, UsageRecordQuery, UsageReport,
    UsageReportQuery,
};
use causerie_domain::principal::Principal;
use causerie_domain::sessions::SessionAudit;
use causerie_domain::usage::reports::{GroupKey, Grouping, UsageRecord};
use causerie_domain::{Filter, GroupId, SessionId, Timestamp, ToolId, UserId};

use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Which requests are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectUsage {
    /// When they were opened.
    pub span: Span,
    /// Only those that asked for this model.
    pub model: Option<String>,
    /// Only those with this tool, by slug or id.
    pub tool: Option<String>,
    /// Only those of this user.
    pub user_id: Option<UserId>,
    /// Only those of this group.
    pub group_id: Option<GroupId>,
    /// Only those of this conversation.
    pub session_id: Option<SessionId>,
}

/// A report to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportUsage {
    /// Over which requests.
    pub rows: SelectUsage,
    /// What they are summed by, each named once; the groups come in this order.
    pub group_by: Vec<Grouping>,
    /// The days of the span, where they are summed by day.
    pub days: Vec<Day>,
    /// How many groups at most.
    pub limit: u32,
    /// The last group of the page before.
    pub after: Option<GroupKey>,
}

/// Which requests to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListUsage {
    /// Out of which.
    pub rows: SelectUsage,
    /// How many at most, 1 to 1000.
    pub limit: u32,
    /// The last one of the page before.
    pub after: Option<UsageRecordCursor>,
}

/// Which conversations to audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSessions {
    /// Only those with this tool, by slug or id.
    pub tool: Option<String>,
    /// Only those of this user.
    pub user_id: Option<UserId>,
    /// Only those of this group.
    pub group_id: Option<GroupId>,
    /// How many at most, 1 to 100.
    pub limit: u32,
    /// The last one of the page before.
    pub after: Option<SessionCursor>,
}

impl Runtime {
    /// The instant it is on the runtime's clock, from which a report without boundaries counts.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Sums over the requests that the principal may read.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] where the principal may read no usage at all, so for the records.
    pub async fn usage_report(
        &self,
        principal: &Principal,
        report: ReportUsage,
    ) -> Result<UsageReport, RuntimeError> {
        let rows = self.selection(&self.access(principal)?, report.rows).await?;
        let ReportUsage { group_by, days, limit, after, .. } = report;
        Ok(self.inner.reports.usage_report(UsageReportQuery { rows, group_by, days, limit, after }).await?)
    }

    /// The requests that the principal may read, newest first.
    ///
    /// # Errors
    /// As [`Runtime::usage_report`].
    pub async fn usage_records(
        &self,
        principal: &Principal,
        list: ListUsage,
    ) -> Result<Page<UsageRecord, UsageRecordCursor>, RuntimeError> {
        let rows = self.selection(&self.access(principal)?, list.rows).await?;
        let page = PageRequest { limit: list.limit, after: list.after.map(After) };
        Ok(self.inner.reports.usage_records(UsageRecordQuery { rows, page }).await?)
    }

    /// The conversations that the principal may audit, newest activity first: who, when, which tool and what it
    /// cost, and never what was said.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] where the principal may audit no session at all.
    pub async fn audit_sessions(
        &self,
        principal: &Principal,
        list: AuditSessions,
    ) -> Result<Page<SessionAudit, SessionCursor>, RuntimeError> {
        let auditable = self.access(principal)?.sessions(Action::Audit)?;
        let (auditable, tool_id) = match self.named_tool(list.tool).await? {
            NamedTool::Any => (auditable, None),
            NamedTool::One(id) => (auditable, Some(id)),
            NamedTool::Unknown => (Filter::Nothing, None),
        };
        let (user_id, group_id) = (list.user_id, list.group_id);
        let page = PageRequest { limit: list.limit, after: list.after.map(After) };
        let list = SessionAuditQuery { auditable, user_id, group_id, tool_id, page };
        Ok(self.inner.conversations.audit_sessions(list).await?)
    }

    async fn selection(&self, access: &Access, rows: SelectUsage) -> Result<UsageFilter, RuntimeError> {
        let visible = access.usage(Action::Read)?;
        let (visible, tool_id) = match self.named_tool(rows.tool).await? {
            NamedTool::Any => (visible, None),
            NamedTool::One(id) => (visible, Some(id)),
            NamedTool::Unknown => (Filter::Nothing, None),
        };
        let SelectUsage { span, model, user_id, group_id, session_id, .. } = rows;
        Ok(UsageFilter { visible, span, model, tool_id, user_id, group_id, session_id })
    }

    /// The tool that a request names. Whoever may read a row may ask for it by its tool, also when the tool is not
    /// to be used any more.
    async fn named_tool(&self, name: Option<String>) -> Result<NamedTool, RuntimeError> {
        let Some(name) = name else { return Ok(NamedTool::Any) };
        if let Ok(id) = name.parse() {
            return Ok(NamedTool::One(id));
        }
        let tool = self.inner.tools.tool(&name, &Filter::Everything).await?;
        Ok(tool.map_or(NamedTool::Unknown, |tool| NamedTool::One(tool.id)))
    }
}

/// Which tool a request is about.
#[derive(Debug)]
enum NamedTool {
    /// It names none.
    Any,
    /// This one.
    One(ToolId),
    /// One that does not exist.
    Unknown,
}
