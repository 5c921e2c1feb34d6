//! Port for messages.

use std::fmt::Debug;

use crate::messages::MessageView;
use crate::ports::StoreError;
use crate::{Filter, SessionId};

/// Selects the messages of a session to list, in order.
///
/// Without bounds, and with `after_seq`, the list starts at the earliest match. With `before_seq` alone it ends
/// directly before that message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageQuery {
    pub session_id: SessionId,
    /// Messages that the principal may read (filter on Message).
    pub visible: Filter,
    /// Whether superseded and withheld messages are left out.
    pub without_marked: bool,
    /// Exclusive lower bound of the sequence number.
    pub after_seq: Option<i64>,
    /// Exclusive upper bound of the sequence number.
    pub before_seq: Option<i64>,
    /// Maximum length of the list, 1 to 100.
    pub limit: u32,
}

/// Reads messages. [`TurnStore`](super::TurnStore) writes them.
#[async_trait::async_trait]
pub trait Messages: Send + Sync + Debug {
    /// Returns messages of a session in order. The list ends early, but not before its first message, if their texts
    /// exceed [`MAX_PAGE_BYTES`](crate::page::MAX_PAGE_BYTES); with `before_seq` alone it then starts later.
    async fn messages(&self, query: MessageQuery) -> Result<Vec<MessageView>, StoreError>;

    /// Returns the last messages of a session that match the filter (on Message), in order: fewer, but at least one, if
    /// their texts exceed [`MAX_PAGE_BYTES`](crate::page::MAX_PAGE_BYTES).
    async fn latest_messages(
        &self,
        id: SessionId,
        visible: &Filter,
        limit: u32,
    ) -> Result<Vec<MessageView>, StoreError>;
}
