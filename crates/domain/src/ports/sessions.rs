//! Port for sessions. Deleted sessions are invisible to every method.

use std::fmt::Debug;

use crate::audit_events::AuditStamp;
use crate::messages::{Message, MessageRole};
use crate::page::{Page, PageRequest};
use crate::ports::StoreError;
use crate::sessions::{InvalidTransition, Session, SessionAction, SessionAudit, SessionState, SessionTotals};
use crate::tools::{Tool, ToolVersion};
use crate::{Filter, GroupId, MessageId, SessionId, Timestamp, ToolId, ToolVersionId, UserId};

/// A session to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    pub id: SessionId,
    pub tool_id: ToolId,
    /// Version of the tool that the session keeps.
    pub tool_version_id: ToolVersionId,
    /// Owner.
    pub user_id: UserId,
    /// Group to which the usage of the session is accounted.
    pub group_id: Option<GroupId>,
    pub title: Option<String>,
    /// Greeting of the tool, stored as message 1.
    pub greeting: Option<NewGreeting>,
    pub started_at: Timestamp,
}

/// Greeting of a tool: a completed assistant message without a turn and without usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGreeting {
    pub id: MessageId,
    pub text: String,
}

/// The rows that a store inserts. Stores store these entities whole.
impl NewSession {
    /// Returns the session.
    pub fn session(&self) -> Session {
        Session {
            id: self.id,
            tool_id: self.tool_id,
            tool_version_id: self.tool_version_id,
            user_id: self.user_id,
            group_id: self.group_id,
            state: SessionState::Active,
            title: self.title.clone(),
            next_seq: if self.greeting.is_some() { 2 } else { 1 },
            active_turn_id: None,
            parent_session_id: None,
            fork_from_seq: None,
            started_at: self.started_at,
            ended_at: None,
            last_activity_at: self.started_at,
            history_from_seq: 1,
            last_request: None,
        }
    }

    /// Returns the greeting as the first message of the session.
    pub fn first_message(&self) -> Option<Message> {
        let greeting = self.greeting.as_ref()?;
        let message = Message::empty(greeting.id, self.id, MessageRole::Assistant, 1, self.started_at);
        Some(message.with_text(&greeting.text))
    }
}

/// Position of a session in a list: latest activity first, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCursor {
    pub last_activity_at: Timestamp,
    pub id: SessionId,
}

/// Selects the sessions to list. Fields that are `None` do not restrict the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionQuery {
    /// Sessions that the principal may read (filter on Session).
    pub visible: Filter,
    pub user_id: Option<UserId>,
    pub state: Option<SessionState>,
    pub tool_id: Option<ToolId>,
    /// Parent of forked sessions.
    pub parent_session_id: Option<SessionId>,
    pub page: PageRequest<SessionCursor>,
}

/// Selects the sessions that an auditor lists. Fields that are `None` do not restrict the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionAuditQuery {
    /// Sessions that the principal may audit (filter on Session).
    pub auditable: Filter,
    pub user_id: Option<UserId>,
    pub group_id: Option<GroupId>,
    pub tool_id: Option<ToolId>,
    pub page: PageRequest<SessionCursor>,
}

/// Failure of a change to a session or to one of its attachments.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The session does not exist or does not match the filter.
    #[error("no such session")]
    NotFound,
    #[error(transparent)]
    InvalidState(#[from] InvalidTransition),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A session with its tool.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionWithTool {
    pub session: Session,
    pub tool: Tool,
    /// Version that the session keeps.
    pub version: ToolVersion,
}

/// Stores sessions.
#[async_trait::async_trait]
pub trait Sessions: Send + Sync + Debug {
    /// Creates a session. The caller checks the right to create it.
    async fn create_session(&self, new: NewSession) -> Result<Session, StoreError>;

    /// Creates a session with an id that a client has chosen. Returns `None` if any session has the id, also a deleted
    /// one. The caller checks the right to create it.
    async fn create_session_unless_taken(&self, new: NewSession) -> Result<Option<Session>, StoreError>;

    /// Returns a session that matches the filter (on Session).
    async fn session(&self, id: SessionId, visible: &Filter) -> Result<Option<Session>, StoreError>;

    /// Returns a session that matches the filter (on Session), with the tool and the version that it keeps.
    async fn session_with_tool(
        &self,
        id: SessionId,
        visible: &Filter,
    ) -> Result<Option<SessionWithTool>, StoreError>;

    /// Returns a page of sessions, latest activity first.
    async fn sessions(&self, query: SessionQuery) -> Result<Page<Session, SessionCursor>, StoreError>;

    /// Returns the sums over a session that matches the filter (on Session).
    async fn totals(&self, id: SessionId, visible: &Filter) -> Result<Option<SessionTotals>, StoreError>;

    /// Sets or removes the title of a session.
    ///
    /// # Errors
    /// [`SessionError::NotFound`].
    async fn rename(
        &self,
        id: SessionId,
        allowed: &Filter,
        title: Option<String>,
    ) -> Result<Session, SessionError>;

    /// Changes the state of a session in one guarded statement. Repeating an action changes nothing.
    ///
    /// # Errors
    /// [`SessionError::NotFound`], [`SessionError::InvalidState`].
    async fn change_state(
        &self,
        id: SessionId,
        allowed: &Filter,
        action: SessionAction,
        now: Timestamp,
    ) -> Result<Session, SessionError>;

    /// Marks a session as deleted, at the time of the stamp. Reads no longer return it, also not as the parent of its
    /// forks. Its usage rows stay. Writes an audit event in the same transaction, unless the actor is the owner.
    ///
    /// # Errors
    /// [`SessionError::NotFound`].
    async fn delete_session(
        &self,
        id: SessionId,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), SessionError>;

    /// Returns a page of sessions for an auditor, latest activity first, without titles and texts.
    async fn audit_sessions(
        &self,
        query: SessionAuditQuery,
    ) -> Result<Page<SessionAudit, SessionCursor>, StoreError>;
}
