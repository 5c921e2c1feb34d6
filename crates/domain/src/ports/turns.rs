//! The port of the machinery that runs turns: each step is fenced by the turn's owner.

use std::fmt::Debug;
use std::time::Duration;

use serde_json::Value;

use crate::budgets::{BudgetRefusal, CostCeiling};
use crate::messages::{Message, MessageMeta, MessageView, Part};
use crate::ports::{NewAttachment, StoreError};
use crate::sessions::{Session, SessionState};
use crate::turns::{ContextReport, Segment, Turn, TurnFailure, TurnStatus};
use crate::usage::{CloseUsage, MessageUsage, OpenUsage, UsageProgress};
use crate::{Filter, InstanceId, MessageId, SessionId, Timestamp, TurnId, UsageId, Usd, UserId};

/// A client's name for a send, unique within its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key, up to 255 characters.
    pub key: String,
    /// SHA-256 of the parsed body, in hex.
    pub body_hash: String,
}

/// A turn that was begun with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedTurn {
    /// The turn.
    pub turn: Turn,
    /// The hash of the body it was begun with.
    pub body_hash: String,
}

/// A turn to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginTurn {
    /// The turn's id.
    pub turn_id: TurnId,
    /// The conversation.
    pub session_id: SessionId,
    /// Whose conversation it must be.
    pub user_id: UserId,
    /// The new message's id.
    pub user_message_id: MessageId,
    /// The answer's id.
    pub assistant_message_id: MessageId,
    /// The new message's text, exactly as given.
    pub content: String,
    /// What else was said about it.
    pub meta: MessageMeta,
    /// What it refers to.
    pub attachments: Vec<NewAttachment>,
    /// The client's name for the send.
    pub key: Option<IdempotencyKey>,
    /// Keys of turns begun before this instant are cleared and may be used again.
    pub keys_kept_since: Timestamp,
    /// The title of a session that has none yet.
    pub title: Option<String>,
    /// The model that is asked.
    pub model: String,
    /// The instance that runs the turn.
    pub owner: InstanceId,
    /// For how long the turn is its owner's without renewal, on the store's clock.
    pub lease: Duration,
    /// The row of the first request.
    pub usage: OpenUsage,
    /// What the turn may cost at most, to be reserved where a budget applies; `None` where a price is unknown.
    pub ceiling: Option<CostCeiling>,
    /// How many earlier messages to return at most.
    pub history: u32,
    /// How many messages the session may have, these two included.
    pub max_messages: Option<u32>,
    /// The instant it is.
    pub now: Timestamp,
}

/// A turn that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunTurn {
    /// The session after it.
    pub session: Session,
    /// The new message.
    pub user_message: Message,
    /// The placeholder of the answer.
    pub assistant_message: Message,
    /// The turn, running.
    pub turn: Turn,
    /// The last earlier messages in order, whatever their status.
    pub history: Vec<MessageView>,
    /// What is left of the tightest budget that applies.
    pub budget_left: Option<Usd>,
}

/// Why a turn could not be begun. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum BeginTurnError {
    /// No such session of this user.
    #[error("no such session")]
    NotFound,
    /// The session takes no messages.
    #[error("the session is {0}")]
    NotActive(SessionState),
    /// Another turn of the session runs.
    #[error("turn {0} of the session is running")]
    InProgress(TurnId),
    /// The key was used for this turn. The caller compares the bodies.
    #[error("the idempotency key was used for turn {}", .0.turn.id)]
    KeyUsed(Box<KeyedTurn>),
    /// The session has as many messages as it may have.
    #[error("the session has {0} messages, the most it may have")]
    Full(u32),
    /// A budget has less left than the turn may cost.
    #[error("the budget of the {} is used up", .0.state.budget.subject.kind())]
    OverBudget(Box<BudgetRefusal>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The change from one request of a turn to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextAttempt {
    /// The turn.
    pub turn_id: TurnId,
    /// Its owner.
    pub owner: InstanceId,
    /// How the last row is closed.
    pub close: CloseUsage,
    /// The row of the next request.
    pub open: OpenUsage,
}

/// What became known of a running turn since the last flush. An empty one only renews the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnFlush {
    /// The turn.
    pub turn_id: TurnId,
    /// New text, in order.
    pub segments: Vec<Segment>,
    /// News of the open ledger row.
    pub progress: Option<(UsageId, UsageProgress)>,
    /// What was sent, once it is known.
    pub context: Option<ContextReport>,
}

/// Whether a turn is still its owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseStatus {
    /// It is, for another lease.
    Held {
        /// The turn.
        turn_id: TurnId,
        /// Whether someone asked it to stop.
        cancel_requested: bool,
    },
    /// It is not: it was reaped. Nothing of it was flushed.
    Lost {
        /// The turn.
        turn_id: TurnId,
    },
}

/// The end of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishTurn {
    /// The turn.
    pub turn_id: TurnId,
    /// Its owner.
    pub owner: InstanceId,
    /// How it ended; not running.
    pub status: TurnStatus,
    /// Why it failed.
    pub failure: Option<TurnFailure>,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// What was sent.
    pub context: Option<ContextReport>,
    /// The whole answer, in order.
    pub parts: Vec<Part>,
    /// The upstream's reasoning records.
    pub reasoning_details: Option<Value>,
    /// How the answer came to be.
    pub meta: MessageMeta,
    /// How the open ledger row is closed.
    pub usage: CloseUsage,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// Why a step of a turn was refused.
#[derive(Debug, thiserror::Error)]
pub enum TurnLedgerError {
    /// The turn is not this owner's any more: it was reaped, or it ended.
    #[error("the turn is no longer held by this instance")]
    Lost,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which turns to close as interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReapScope {
    /// Those whose lease has run out on the store's clock.
    Expired,
    /// Every running one. Only for a store that nobody else can have open.
    Everything,
}

/// A round of the reaper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reap {
    /// Which turns.
    pub scope: ReapScope,
    /// How many at most.
    pub limit: u32,
    /// The instant it is.
    pub now: Timestamp,
}

/// The stored log of a turn, for readers that are not beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnLog {
    /// The turn.
    pub turn: Turn,
    /// The text from about the asked position on: the first segment may begin before it.
    pub segments: Vec<Segment>,
    /// Of an ended turn: the tokens and cost of all its requests.
    pub usage: Option<MessageUsage>,
}

/// Runs turns in the store. A turn's owner holds it by a lease that every flush renews.
#[async_trait::async_trait]
pub trait TurnLedger: Send + Sync + Debug {
    /// The turn that was begun with this key since the given instant.
    async fn turn_by_key(
        &self,
        session_id: SessionId,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<KeyedTurn>, StoreError>;

    /// Stores the message, the placeholder, the turn and the first ledger row, and returns the history.
    ///
    /// What the turn may cost is reserved in every budget that applies: of the user, the group and the key that its
    /// ledger row names. The reservation stands until that row has a cost, and a further request takes it over.
    ///
    /// An expired turn of the session is closed as the reaper does, in the same transaction. Repeating the step while
    /// its turn runs is answered alike: a caller that did not get the answer may ask again.
    ///
    /// # Errors
    /// [`BeginTurnError`]; then nothing is stored.
    async fn begin_turn(&self, begin: BeginTurn) -> Result<BegunTurn, BeginTurnError>;

    /// Closes a request's ledger row and opens the next one. Repeating it changes nothing: an owner that did not
    /// get the answer may ask again.
    ///
    /// # Errors
    /// [`TurnLedgerError::Lost`].
    async fn begin_attempt(&self, next: NextAttempt) -> Result<(), TurnLedgerError>;

    /// Flushes several turns of one owner and renews their leases, in one transaction. Answers in their order.
    ///
    /// New segments replace what was flushed from their first position on, so a flush without an answer is sent again.
    async fn flush(
        &self,
        owner: InstanceId,
        lease: Duration,
        turns: Vec<TurnFlush>,
    ) -> Result<Vec<LeaseStatus>, StoreError>;

    /// Stores the answer, the end of the turn and the closed ledger row, releases the session and drops the
    /// segments, in one transaction. Returns the turn and the usage of all its requests. Repeating it is answered
    /// alike: an owner that did not get the answer may ask again.
    ///
    /// # Errors
    /// [`TurnLedgerError::Lost`].
    async fn finish_turn(&self, finish: FinishTurn) -> Result<(Turn, MessageUsage), TurnLedgerError>;

    /// Asks the session's running turn to stop. Returns it as it now is, or `None` if none runs. A turn whose lease
    /// has run out is closed as the reaper does instead: nobody would hear the wish.
    async fn request_cancel(&self, session_id: SessionId) -> Result<Option<Turn>, StoreError>;

    /// Closes turns as interrupted: the answer keeps the flushed text, the open ledger row is closed with its
    /// cost pending, the session is released. Returns the closed turns.
    async fn reap(&self, reap: Reap) -> Result<Vec<Turn>, StoreError>;

    /// The running turn of a session.
    async fn running_turn(&self, session_id: SessionId) -> Result<Option<Turn>, StoreError>;

    /// The stored log of a turn from a position on. The caller has decided that its reader may read it.
    async fn turn_log(&self, turn_id: TurnId, position: u64) -> Result<Option<TurnLog>, StoreError>;
}

/// Reads turns.
#[async_trait::async_trait]
pub trait Turns: Send + Sync + Debug {
    /// Returns a turn whose answer matches the filter (on Message).
    async fn turn(&self, id: TurnId, visible: &Filter) -> Result<Option<Turn>, StoreError>;
}
