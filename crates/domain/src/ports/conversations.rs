//! The port to stored conversations, as a principal may see and change them.

use std::fmt::Debug;

use serde_json::{Map, Value};

use crate::attachment::{Attachment, StorageProvider};
use crate::message::MessageView;
use crate::page::{Page, PageRequest};
use crate::ports::{AttachmentKey, AttachmentList, ForkError, Lineage, NewFork, StoreError};
use crate::session::{InvalidTransition, Session, SessionAction, SessionState, SessionTotals};
use crate::turn::Turn;
use crate::{
    AttachmentId, Filter, GroupId, MessageId, SessionId, Timestamp, ToolId, ToolVersionId, TurnId, UserId,
};

/// A conversation to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The id.
    pub id: SessionId,
    /// The tool.
    pub tool_id: ToolId,
    /// The version it is pinned to.
    pub tool_version_id: ToolVersionId,
    /// Whose conversation it is.
    pub user_id: UserId,
    /// Whose account it runs on.
    pub group_id: Option<GroupId>,
    /// Its title.
    pub title: Option<String>,
    /// The tool's greeting, which becomes message 1.
    pub greeting: Option<NewGreeting>,
    /// When it is made.
    pub started_at: Timestamp,
}

/// The tool's first word: a completed assistant message without turn and usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGreeting {
    /// The message's id.
    pub id: MessageId,
    /// Its text.
    pub text: String,
}

/// An attachment to store with its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttachment {
    /// The id.
    pub id: AttachmentId,
    /// The file's name.
    pub filename: String,
    /// The media type.
    pub mime_type: String,
    /// The size in bytes.
    pub size: i64,
    /// Where the bytes live.
    pub storage_provider: StorageProvider,
    /// Where they live there.
    pub storage_key: String,
    /// Whatever else is said about it.
    pub meta: Map<String, Value>,
}

/// The place of a session in a list: newest activity first, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionKey {
    /// When something last happened in it.
    pub last_activity_at: Timestamp,
    /// Its id.
    pub id: SessionId,
}

/// Which sessions to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionList {
    /// What the principal may read (a filter on Session).
    pub visible: Filter,
    /// Only those of this user.
    pub user_id: Option<UserId>,
    /// Only those in this state.
    pub state: Option<SessionState>,
    /// Only those with this tool.
    pub tool_id: Option<ToolId>,
    /// Only those that were forked from this one.
    pub parent_session_id: Option<SessionId>,
    /// Which part of the list.
    pub page: PageRequest<SessionKey>,
}

/// Which messages to list: those between two sequence numbers, in order.
///
/// With neither bound, and with `after_seq`, the earliest are taken; with `before_seq` alone the latest before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageList {
    /// The conversation.
    pub session_id: SessionId,
    /// What the principal may read (a filter on Message).
    pub visible: Filter,
    /// Only those after this one.
    pub after_seq: Option<i64>,
    /// Only those before this one.
    pub before_seq: Option<i64>,
    /// How many at most, 1 to 100.
    pub limit: u32,
}

/// Why a conversation could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ConversationError {
    /// There is no such session, or the filter does not admit it.
    #[error("no such session")]
    NotFound,
    /// Its state does not allow the action.
    #[error(transparent)]
    InvalidState(#[from] InvalidTransition),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Conversations as a principal may see and change them. Deleted ones do not exist here.
#[async_trait::async_trait]
pub trait Conversations: Send + Sync + Debug {
    /// Makes a session. The caller has decided that the principal may.
    async fn create_session(&self, new: NewSession) -> Result<Session, StoreError>;

    /// A session, if the filter (on Session) admits it.
    async fn session(&self, id: SessionId, visible: &Filter) -> Result<Option<Session>, StoreError>;

    /// A page of sessions, newest activity first.
    async fn sessions(&self, list: SessionList) -> Result<Page<Session, SessionKey>, StoreError>;

    /// The sums over a session, if the filter (on Session) admits it.
    async fn totals(&self, id: SessionId, visible: &Filter) -> Result<Option<SessionTotals>, StoreError>;

    /// Gives a session another title, or none.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`].
    async fn rename(
        &self,
        id: SessionId,
        allowed: &Filter,
        title: Option<String>,
    ) -> Result<Session, ConversationError>;

    /// Changes a session's state in one guarded statement. Repeating an action changes nothing.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`], [`ConversationError::InvalidState`].
    async fn change_state(
        &self,
        id: SessionId,
        allowed: &Filter,
        action: SessionAction,
        now: Timestamp,
    ) -> Result<Session, ConversationError>;

    /// Marks a session as deleted: it vanishes from every read, also as the parent of its forks; its ledger rows stay.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`].
    async fn delete_session(
        &self,
        id: SessionId,
        allowed: &Filter,
        now: Timestamp,
    ) -> Result<(), ConversationError>;

    /// Copies the first messages of a session into a new one, with their attachments, in one transaction. A turn that
    /// runs meanwhile is left alone, and so is the parent.
    ///
    /// # Errors
    /// [`ForkError`]; then nothing is stored.
    async fn fork(&self, new: NewFork) -> Result<Session, ForkError>;

    /// The sessions that a session was forked from, nearest first.
    async fn lineage(&self, lineage: Lineage) -> Result<Vec<Session>, StoreError>;

    /// Messages of a session in order, those that the filter (on Message) admits.
    async fn messages(&self, list: MessageList) -> Result<Vec<MessageView>, StoreError>;

    /// The last messages of a session in order, those that the filter (on Message) admits.
    async fn latest_messages(
        &self,
        id: SessionId,
        visible: &Filter,
        limit: u32,
    ) -> Result<Vec<MessageView>, StoreError>;

    /// A page of a session's attachments, in the order of its messages.
    async fn attachments(&self, list: AttachmentList) -> Result<Page<Attachment, AttachmentKey>, StoreError>;

    /// The session of an attachment that is not deleted, if the filter (on Session) admits it.
    async fn session_of_attachment(
        &self,
        id: AttachmentId,
        visible: &Filter,
    ) -> Result<Option<Session>, StoreError>;

    /// Marks an attachment as deleted: it is neither shown nor sent any more. The filter is on its Session.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`].
    async fn delete_attachment(
        &self,
        id: AttachmentId,
        allowed: &Filter,
        now: Timestamp,
    ) -> Result<(), ConversationError>;

    /// A turn, if the filter (on Message) admits its answer.
    async fn turn(&self, id: TurnId, visible: &Filter) -> Result<Option<Turn>, StoreError>;
}
