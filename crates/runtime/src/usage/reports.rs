//! Reports and records of usage, with the rights of a principal.

use causerie_domain::calendar::{Day, Span};
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{
    UsageFilter, UsageRecordCursor, UsageRecordQuery, UsageReport, UsageReportQuery,
};
use causerie_domain::principal::Principal;
use causerie_domain::usage::reports::{Grouping, ReportKey, UsageRecord};
use causerie_domain::{GroupId, SessionId, Timestamp, UserId};

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
        let rows = self.usage_filter(&*self.access(principal)?, report.rows).await?;
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
        let rows = self.usage_filter(&*self.access(principal)?, list.rows).await?;
        let page = PageRequest { limit: list.limit, after: list.after.map(After) };
        Ok(self.inner.reports.usage_records(UsageRecordQuery { rows, page }).await?)
    }

    async fn usage_filter(&self, access: &Access, rows: SelectUsage) -> Result<UsageFilter, RuntimeError> {
        let visible = access.usage(Action::Read)?;
        let (visible, tool_id) = self.tool_selection(rows.tool).await?.restrict(visible);
        let SelectUsage { span, model, user_id, group_id, session_id, .. } = rows;
        Ok(UsageFilter { visible, span, model, tool_id, user_id, group_id, session_id })
    }
}
