//! Sessions as auditors see them.

use causerie_domain::ports::SessionCursor;
use causerie_domain::sessions::SessionAudit;
use serde::Serialize;
use utoipa::ToSchema;

use super::page::PageKey;
use super::report::UsageSumsDto;
use super::value::{Id, StateWord, Time};

/// A session: who, when, which tool, and what it cost. Never its title or what was said in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionAudit)]
pub(crate) struct SessionAuditDto {
    id: Id,
    /// Whose conversation it is.
    user_id: Id,
    /// Whose account it runs on.
    group_id: Option<Id>,
    /// The tool's slug.
    tool: String,
    tool_id: Id,
    state: StateWord,
    started_at: Time,
    /// When it was completed.
    ended_at: Option<Time>,
    /// When something last happened in it.
    last_activity_at: Time,
    #[serde(flatten)]
    sums: UsageSumsDto,
}

/// The place of a session in the auditor's list.
#[derive(Debug)]
pub(crate) struct AuditKey(pub(crate) SessionCursor);

impl PageKey for AuditKey {
    const LIST: &'static str = "audit";

    fn to_text(&self) -> String {
        self.0.to_text()
    }

    fn from_text(text: &str) -> Option<Self> {
        SessionCursor::from_text(text).map(AuditKey)
    }
}

impl From<SessionAudit> for SessionAuditDto {
    fn from(audit: SessionAudit) -> Self {
        let session = audit.session;
        SessionAuditDto {
            id: session.id.into(),
            user_id: session.user_id.into(),
            group_id: session.group_id.map(Id::from),
            tool: audit.tool_slug,
            tool_id: session.tool_id.into(),
            state: session.state.into(),
            started_at: session.started_at.into(),
            ended_at: session.ended_at.map(Time::from),
            last_activity_at: session.last_activity_at.into(),
            sums: audit.sums.into(),
        }
    }
}
