//! Ports for turns. Each change of a running turn is fenced by its owner.

mod begin;
mod log;
mod preview;

use std::fmt::Debug;
use std::time::Duration;

use serde_json::Value;

use crate::messages::{MessageMarks, MessageMeta, MessageView, Part};
use crate::ports::StoreError;
use crate::prompt_caches::LastRequest;
use crate::turn_requests::{StoredTurnRequests, TurnRequest};
use crate::turns::{ContextReport, Segment, Turn, TurnFailure, TurnStatus};
use crate::usage::{CloseUsage, MessageUsage, OpenUsage, UsageProgress};
use crate::{Filter, InstanceId, SessionId, Timestamp, TurnId, UsageId};

pub use begin::{BeginTurn, BeginTurnError, BegunTurn, IdempotencyKey, KeyedTurn, TurnIds, TurnLease};
pub use log::{StoredTurnLog, TURN_LOG_PAGE_BYTES, TURN_LOG_PAGE_SEGMENTS, TurnLogQuery};
pub use preview::{SEARCHED_ANSWERS, TurnPreview};

/// Transition from one request of a turn to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextAttempt {
    pub turn_id: TurnId,
    pub owner: InstanceId,
    /// Values that close the previous usage row.
    pub close: CloseUsage,
    /// Usage row of the next request.
    pub open: OpenUsage,
}

/// State of a running turn since the last flush. An empty flush only renews the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnFlush {
    pub turn_id: TurnId,
    /// New text in order.
    pub segments: Vec<Segment>,
    /// Progress of the open usage row.
    pub progress: Option<(UsageId, UsageProgress)>,
    /// Context report, once the request is built.
    pub context: Option<ContextReport>,
    /// Requests that were sent so far, if there is a new one.
    pub requests: Option<Vec<TurnRequest>>,
}

/// Result of the renewal of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseStatus {
    /// The lease was renewed.
    Held { turn_id: TurnId, cancel_requested: bool },
    /// The lease was lost: the turn is closed, and nothing of it was flushed.
    Lost { turn_id: TurnId },
}

/// End of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishTurn {
    pub turn_id: TurnId,
    pub session_id: SessionId,
    /// Sequence number of the answer.
    pub answer_seq: i64,
    pub owner: InstanceId,
    /// Final status; not `running`.
    pub status: TurnStatus,
    pub failure: Option<TurnFailure>,
    pub finish_reason: Option<String>,
    pub context: Option<ContextReport>,
    /// Requests that were sent.
    pub requests: Vec<TurnRequest>,
    /// Complete answer in order.
    pub parts: Vec<Part>,
    /// Reasoning records of the upstream.
    pub reasoning_details: Option<Value>,
    pub meta: MessageMeta,
    /// Marks of user messages of the session.
    pub marks: MessageMarks,
    /// Request that the session stores as its last one; `None` keeps the stored one.
    pub last_request: Option<LastRequest>,
    /// Values that close the open usage row.
    pub usage: CloseUsage,
    pub ended_at: Timestamp,
}

/// Refusal of a change to a turn.
#[derive(Debug, thiserror::Error)]
pub enum TurnStoreError {
    /// The instance no longer owns the turn, because the turn was closed.
    #[error("this instance no longer owns the turn")]
    Lost,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Selects the turns to close as interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReapScope {
    /// Turns whose lease has expired, by the clock of the store.
    Expired,
    /// All running turns. Valid only if no other process uses the store.
    Everything,
}

/// Request to cancel the running turn of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelRequest {
    pub session_id: SessionId,
    /// Turn of the session that runs in the calling process. It is not closed, even if its lease looks expired.
    pub running_here: Option<TurnId>,
}

impl CancelRequest {
    /// Returns the request of a process that does not run the turn.
    pub fn of(session_id: SessionId) -> Self {
        CancelRequest { session_id, running_here: None }
    }
}

/// One round of the reaper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reap {
    pub scope: ReapScope,
    /// Turns that run in the calling process. They are never closed, independent of the clock of the store.
    pub running_here: Vec<TurnId>,
    pub limit: u32,
    pub now: Timestamp,
}

/// Stores running turns. The owner of a turn holds it by a lease, which each flush renews.
#[async_trait::async_trait]
pub trait TurnStore: Send + Sync + Debug {
    /// Returns the turn that was begun with this key at or after `since`.
    async fn turn_by_key(
        &self,
        session_id: SessionId,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<KeyedTurn>, StoreError>;

    /// Stores the user message, the placeholder, the turn and the first usage row, and returns the history.
    ///
    /// The maximum cost of the turn is reserved in each budget that applies: those of the user, the group and the API
    /// key of the usage row. The reservation lasts until the row has a cost; the row of a further request takes it
    /// over.
    ///
    /// An expired turn of the session is closed in the same transaction, as the reaper does it. While the turn runs, a
    /// repetition of the call returns the same result, so a caller that lost the result can repeat it.
    ///
    /// # Errors
    /// [`BeginTurnError`]; nothing is stored then.
    async fn begin_turn(&self, begin: BeginTurn) -> Result<BegunTurn, BeginTurnError>;

    /// Returns what [`TurnStore::begin_turn`] would find and refuse, without a change. The idempotency key is not
    /// considered.
    ///
    /// # Errors
    /// [`BeginTurnError::NotFound`], [`BeginTurnError::UserDisabled`] and [`BeginTurnError::Store`]; the other refusals
    /// are part of the preview.
    async fn preview_turn(&self, begin: BeginTurn) -> Result<TurnPreview, BeginTurnError>;

    /// Closes the usage row of a request and opens the next one. A repetition changes nothing, so an owner that lost
    /// the result can repeat it.
    ///
    /// # Errors
    /// [`TurnStoreError::Lost`].
    async fn begin_attempt(&self, next: NextAttempt) -> Result<(), TurnStoreError>;

    /// Flushes turns of one owner and renews their leases in one transaction. Results are in the order of `turns`. A lease
    /// of which five sixths are left can stay as it is.
    ///
    /// New segments replace flushed text from their first position on, so a flush without a result can be repeated.
    async fn flush(
        &self,
        owner: InstanceId,
        lease: Duration,
        turns: Vec<TurnFlush>,
    ) -> Result<Vec<LeaseStatus>, StoreError>;

    /// Stores the answer, the end of the turn and the closed usage row, releases the session and deletes the segments
    /// in one transaction. Returns the turn and the usage of all its requests. A repetition returns the same result.
    ///
    /// # Errors
    /// [`TurnStoreError::Lost`].
    async fn finish_turn(&self, finish: FinishTurn) -> Result<(Turn, MessageUsage), TurnStoreError>;

    /// Requests the cancellation of the running turn of a session. Returns the turn, or `None` if no turn is running.
    /// A turn whose lease has expired is closed instead, as the reaper does it, unless the caller runs it.
    async fn request_cancel(&self, request: CancelRequest) -> Result<Option<Turn>, StoreError>;

    /// Closes turns as interrupted: the answer keeps the flushed text, the open usage row is closed with a pending
    /// cost, and the session is released. With text, the user message is marked as accepted. Returns the closed turns.
    async fn reap(&self, reap: Reap) -> Result<Vec<Turn>, StoreError>;

    /// Returns the last user message of a session with its attachments. The caller checks the right to use it.
    async fn last_question(&self, session_id: SessionId) -> Result<Option<MessageView>, StoreError>;

    /// Returns the running turn of a session.
    async fn running_turn(&self, session_id: SessionId) -> Result<Option<Turn>, StoreError>;

    /// Returns a page of the stored log of a turn. The caller checks the right to read it.
    async fn turn_log(&self, query: TurnLogQuery) -> Result<Option<StoredTurnLog>, StoreError>;
}

/// Reads turns.
#[async_trait::async_trait]
pub trait Turns: Send + Sync + Debug {
    /// Returns a turn whose answer matches the filter (on Message).
    async fn turn(&self, id: TurnId, visible: &Filter) -> Result<Option<Turn>, StoreError>;

    /// Returns the requests of a turn whose answer matches the filter (on Message), with those of their messages that
    /// match it.
    async fn turn_requests(
        &self,
        id: TurnId,
        visible: &Filter,
    ) -> Result<Option<StoredTurnRequests>, StoreError>;

    /// Returns those of some turns whose answers match the filter (on Message). At most 500 turns are given.
    async fn visible_turns(&self, ids: Vec<TurnId>, visible: &Filter) -> Result<Vec<TurnId>, StoreError>;
}
