//! Audit of sessions: user, time, tool and cost, without content.

use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{SessionAuditQuery, SessionCursor};
use causerie_domain::principal::Principal;
use causerie_domain::sessions::SessionAudit;
use causerie_domain::{GroupId, UserId};

use crate::authorization::Action;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

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
        let (auditable, tool_id) = self.tool_selection(list.tool).await?.restrict(auditable);
        let (user_id, group_id) = (list.user_id, list.group_id);
        let page = PageRequest { limit: list.limit, after: list.after.map(After) };
        let list = SessionAuditQuery { auditable, user_id, group_id, tool_id, page };
        Ok(self.inner.conversations.audit_sessions(list).await?)
    }
}
