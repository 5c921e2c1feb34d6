//! The start of a turn: its request, its result, and its refusals.

use std::time::Duration;

use crate::attachments::{Attachment, NewAttachment};
use crate::budgets::BudgetRefusal;
use crate::cost_ceiling::CostCeiling;
use crate::ids::Ids;
use crate::messages::{Message, MessageRole, MessageStatus, MessageView, NewMessage};
use crate::ports::StoreError;
use crate::sessions::{Session, SessionState};
use crate::turns::{HistoryTrim, Turn, TurnStatus};
use crate::usage::OpenUsage;
use crate::{AttachmentId, InstanceId, MessageId, SessionId, Timestamp, TurnId, Usd, UserId};

/// Idempotency key of a send, unique in its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Up to 255 characters.
    pub key: String,
    /// SHA-256 of the parsed body in hex.
    pub body_hash: String,
}

/// Turn that was begun with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedTurn {
    pub turn: Turn,
    /// Hash of the body with which the turn was begun.
    pub body_hash: String,
}

/// Ids of the rows of a turn to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnIds {
    pub turn_id: TurnId,
    pub session_id: SessionId,
    pub user_message_id: MessageId,
    pub assistant_message_id: MessageId,
    /// One id for each attachment of the message.
    pub attachment_ids: Vec<AttachmentId>,
}

/// Lease of a turn to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnLease {
    /// Instance that runs the turn.
    pub owner: InstanceId,
    /// Duration of the lease, by the clock of the store.
    pub duration: Duration,
}

/// Turn to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginTurn {
    pub ids: TurnIds,
    /// Owner of the session.
    pub user_id: UserId,
    /// Message to answer. It is stored unless the turn answers a stored one again.
    pub message: NewMessage,
    /// Sequence number of the stored user message that is answered again. It must be the last user message; its other
    /// answers become superseded.
    pub answers_again: Option<i64>,
    pub key: Option<IdempotencyKey>,
    /// Start of the period in which idempotency keys are kept. Earlier keys are cleared and may be reused.
    pub keys_kept_since: Timestamp,
    /// Title; stored if the session has none.
    pub title: Option<String>,
    pub lease: TurnLease,
    /// Usage row of the first request. Its model is the model of the turn.
    pub usage: OpenUsage,
    /// Maximum cost of the turn, to reserve in budgets; `None` if a price is unknown.
    pub ceiling: Option<CostCeiling>,
    /// Maximum number of earlier messages to return.
    pub max_history_messages: u32,
    /// Cuts of the history. With blocks, messages before [`Session::history_from_seq`] are not returned.
    pub trim: HistoryTrim,
    /// Maximum number of messages of the session, including the new ones.
    pub max_messages: Option<u32>,
    pub now: Timestamp,
}

impl TurnIds {
    /// Creates the ids of a turn with this message.
    pub fn draw(ids: &dyn Ids, session_id: SessionId, message: &NewMessage) -> Self {
        TurnIds {
            turn_id: TurnId::next(ids),
            session_id,
            assistant_message_id: MessageId::next(ids),
            user_message_id: MessageId::next(ids),
            attachment_ids: message.attachments.iter().map(|_| AttachmentId::next(ids)).collect(),
        }
    }
}

impl BeginTurn {
    /// Returns the sequence number of the first earlier message to return.
    pub fn history_from_seq(&self, session: &Session) -> i64 {
        match self.trim {
            HistoryTrim::Block => session.history_from_seq,
            HistoryTrim::Sliding => 1,
        }
    }
}

/// The rows that a store inserts. Stores store these entities whole, so a new field is set in one place.
impl BeginTurn {
    /// Returns the running turn; `assistant_seq` is the sequence number of its answer.
    pub fn turn(&self, assistant_seq: i64) -> Turn {
        Turn {
            id: self.ids.turn_id,
            session_id: self.ids.session_id,
            user_message_id: self.ids.user_message_id,
            assistant_message_id: self.ids.assistant_message_id,
            assistant_seq,
            status: TurnStatus::Running,
            owner: self.lease.owner,
            model: self.usage.model.clone(),
            cancel_requested: false,
            failure: None,
            finish_reason: None,
            context: None,
            started_at: self.now,
            ended_at: None,
        }
    }

    /// Returns the number of messages that the turn adds to the session.
    pub fn added_messages(&self) -> i64 {
        if self.answers_again.is_some() { 1 } else { 2 }
    }

    /// Returns the user message.
    pub fn user_message(&self, seq: i64) -> Message {
        let id = self.ids.user_message_id;
        let message = Message::empty(id, self.ids.session_id, MessageRole::User, seq, self.now);
        Message { turn_id: Some(self.ids.turn_id), ..message.with(&self.message) }
    }

    /// Returns the placeholder of the answer.
    pub fn placeholder(&self, seq: i64) -> Message {
        let id = self.ids.assistant_message_id;
        let message = Message::empty(id, self.ids.session_id, MessageRole::Assistant, seq, self.now);
        Message { turn_id: Some(self.ids.turn_id), status: MessageStatus::Pending, ..message }
    }

    /// Returns the attachments of the user message.
    pub fn attachments(&self) -> Vec<Attachment> {
        let files = self.ids.attachment_ids.iter().zip(self.message.attachments.iter().cloned());
        let stored = files.map(|(id, file)| {
            let NewAttachment { filename, mime_type, size, storage_provider, storage_key, meta } = file;
            Attachment {
                id: *id,
                message_id: self.ids.user_message_id,
                filename,
                mime_type,
                size,
                storage_provider,
                storage_key,
                meta,
                uploaded_at: self.now,
            }
        });
        stored.collect()
    }
}

/// Turn that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunTurn {
    /// Session after the change.
    pub session: Session,
    pub user_message: Message,
    /// Placeholder of the answer.
    pub assistant_message: Message,
    pub turn: Turn,
    /// Last earlier messages in order, with any status, [without parts](Message::without_parts) and usage.
    pub history: Vec<MessageView>,
    /// Number of earlier messages that are not superseded, whether they are in `history` or not.
    pub earlier_messages: u64,
    /// Remaining amount of the budget with the least left.
    pub budget_left: Option<Usd>,
}

/// Refusal to begin a turn. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum BeginTurnError {
    #[error("no such session")]
    NotFound,
    /// The user of the session was disabled.
    #[error("the user is disabled")]
    UserDisabled,
    #[error("the session is {0}")]
    NotActive(SessionState),
    /// Another turn of the session is running.
    #[error("turn {0} of the session is running")]
    InProgress(TurnId),
    /// The key belongs to this turn. The caller compares the bodies.
    #[error("the idempotency key was used for turn {}", .0.turn.id)]
    KeyUsed(Box<KeyedTurn>),
    /// The session has reached its maximum number of messages.
    #[error("the session has {0} messages, the most it may have")]
    Full(u32),
    /// The message to answer again is not the last user message of the session.
    #[error("the session has a later user message")]
    NotLastQuestion,
    /// The remaining amount of a budget is less than the maximum cost of the turn.
    #[error("the budget of the {} is used up", .0.state.budget.subject.kind())]
    OverBudget(Box<BudgetRefusal>),
    #[error(transparent)]
    Store(#[from] StoreError),
}
