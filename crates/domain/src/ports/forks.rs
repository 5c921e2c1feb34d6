//! What is asked of the store to fork a conversation, and to read where one comes from.

use std::sync::Arc;

use crate::ports::{Ids, StoreError};
use crate::{Filter, SessionId, Timestamp, UserId};

/// A fork to make: a new active session with the parent's tool, version, group and first messages.
#[derive(Debug, Clone)]
pub struct NewFork {
    /// The new session's id.
    pub id: SessionId,
    /// The session to fork.
    pub parent: SessionId,
    /// What the principal may fork (a filter on Session).
    pub allowed: Filter,
    /// Whose session the fork is.
    pub user_id: UserId,
    /// The message at which it is forked. The copy ends with the last finished answer at or before it.
    pub from_seq: i64,
    /// Its title; without one, the parent's.
    pub title: Option<String>,
    /// When it is made.
    pub now: Timestamp,
    /// Where the ids of the copied messages and attachments come from: their number is known only in the store.
    pub ids: Arc<dyn Ids>,
}

/// Why a session could not be forked. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// There is no such session, or the filter does not admit it.
    #[error("no such session")]
    NotFound,
    /// The session has no message with that number.
    #[error("the session has {0} messages")]
    NoSuchMessage(i64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which ancestors of a session to list: nearest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The session whose parent is the first one.
    pub of: SessionId,
    /// What the principal may read (a filter on Session). The list ends before an ancestor that it does not admit.
    pub visible: Filter,
    /// How many at most, 1 to 100.
    pub limit: u32,
}
