//! Port for forks of sessions.

use std::fmt::Debug;
use std::sync::Arc;

use crate::ports::{Ids, StoreError};
use crate::sessions::{Session, SessionState};
use crate::{Filter, SessionId, Timestamp, UserId};

/// A fork to create: an active session with the tool, version, group and first messages of its parent.
#[derive(Debug, Clone)]
pub struct NewFork {
    /// Id of the new session.
    pub id: SessionId,
    pub parent: SessionId,
    /// Sessions that the principal may fork (filter on Session).
    pub allowed: Filter,
    /// Owner of the fork.
    pub user_id: UserId,
    /// Sequence number at which the parent is forked. The copy ends with the last finished answer at or before it.
    pub from_seq: i64,
    /// Title; `None` copies the title of the parent.
    pub title: Option<String>,
    pub now: Timestamp,
    /// Source of the ids of copied messages and attachments. Only the store knows how many it copies.
    pub ids: Arc<dyn Ids>,
}

impl NewFork {
    /// Returns the new session. It is linked to the parent; `last_seq` is the sequence number of the last copied
    /// message.
    pub fn session(&self, parent: &Session, last_seq: i64) -> Session {
        Session {
            id: self.id,
            tool_id: parent.tool_id,
            tool_version_id: parent.tool_version_id,
            user_id: self.user_id,
            group_id: parent.group_id,
            state: SessionState::Active,
            title: self.title.clone().or_else(|| parent.title.clone()),
            next_seq: last_seq + 1,
            active_turn_id: None,
            parent_session_id: Some(self.parent),
            fork_from_seq: Some(self.from_seq),
            started_at: self.now,
            ended_at: None,
            last_activity_at: self.now,
            // The beginning of the parent, so that the first request of the fork continues the last one of the parent.
            history_from_seq: Some(parent.history_from_seq).filter(|first| *first <= last_seq).unwrap_or(1),
            last_request: parent.last_request.clone().filter(|last| last.answer_seq <= last_seq),
        }
    }
}

/// Created fork.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forked {
    pub session: Session,
    /// Size of the copied messages in bytes, without their attachments.
    pub copied_bytes: u64,
}

/// Failure of a fork. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// The parent does not exist or does not match the filter.
    #[error("no such session")]
    NotFound,
    /// The parent has no message with the sequence number; the value is the number of its messages.
    #[error("the session has {0} messages")]
    NoSuchMessage(i64),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Selects the ancestors of a session, nearest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// Session whose parent is the first ancestor.
    pub of: SessionId,
    /// Sessions that the principal may read (filter on Session). The list ends before the first other ancestor.
    pub visible: Filter,
    /// Maximum length of the list, 1 to 100.
    pub limit: u32,
}

/// Forks sessions.
#[async_trait::async_trait]
pub trait Forks: Send + Sync + Debug {
    /// Copies the first messages of a session, with their attachments, into a new session in one transaction. The
    /// parent and its running turn do not change.
    ///
    /// # Errors
    /// [`ForkError`]; nothing is stored then.
    async fn fork(&self, new: NewFork) -> Result<Forked, ForkError>;

    /// Returns the ancestors of a session, nearest first.
    async fn lineage(&self, lineage: Lineage) -> Result<Vec<Session>, StoreError>;
}
