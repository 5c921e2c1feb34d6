//! State of the store, and the fields of its rows for filters.

use std::collections::{BTreeMap, HashMap};

use causerie_domain::attachments::Attachment;
use causerie_domain::budgets::Budget;
use causerie_domain::filter::{FieldValue, Scalar};
use causerie_domain::messages::{Message, MessageView};
use causerie_domain::models::Model;
use causerie_domain::ports::IdempotencyKey;
use causerie_domain::sessions::Session;
use causerie_domain::subjects::{MessageField, ModelField, SessionField, ToolField};
use causerie_domain::tools::{Tool, ToolVersion};
use causerie_domain::turn_requests::TurnRequest;
use causerie_domain::turns::{Segment, Turn, TurnStatus};
use causerie_domain::usage::{CloseUsage, MessageUsage, OpenUsage, UsageProgress, UsageSum};
use causerie_domain::{InstanceId, MessageId, SessionId, ToolVersionId, TurnId, UsageId, Usd};
use tokio::time::Instant;
use uuid::Uuid;

use super::filter::Row;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) sessions: HashMap<SessionId, StoredSession>,
    pub(super) turns: BTreeMap<TurnId, MemoryTurn>,
    pub(super) tools: BTreeMap<String, Tool>,
    pub(super) versions: HashMap<ToolVersionId, ToolVersion>,
    pub(super) models: BTreeMap<String, Model>,
    /// Budgets by the ids of their subjects.
    pub(super) budgets: BTreeMap<Uuid, Budget>,
    /// Usage rows of completions without a session.
    pub(super) completions: BTreeMap<UsageId, MemoryCompletion>,
}

#[derive(Debug)]
pub(super) struct StoredSession {
    pub(super) session: Session,
    pub(super) deleted: bool,
    /// Messages in the order of their sequence numbers, which start at 1 and have no gaps.
    pub(super) messages: Vec<Message>,
    pub(super) attachments: HashMap<MessageId, Vec<Attachment>>,
}

#[derive(Debug)]
pub(super) struct MemoryTurn {
    pub(super) turn: Turn,
    pub(super) key: Option<IdempotencyKey>,
    pub(super) lease_until: Instant,
    pub(super) segments: Vec<Segment>,
    pub(super) requests: Vec<TurnRequest>,
    /// Usage rows of the attempts. Only the last one can be open.
    pub(super) attempts: Vec<StoredAttempt>,
}

/// Usage row of a completion without a session.
#[derive(Debug)]
pub(super) struct MemoryCompletion {
    pub(super) attempt: StoredAttempt,
    pub(super) key: Option<IdempotencyKey>,
    pub(super) owner: InstanceId,
    pub(super) lease_until: Instant,
}

#[derive(Debug)]
pub(super) struct StoredAttempt {
    pub(super) open: OpenUsage,
    /// Reserved amount, released when the attempt has a cost.
    pub(super) reserved: Option<Usd>,
    pub(super) progress: UsageProgress,
    pub(super) closed: Option<CloseUsage>,
    /// Number of unsuccessful look-ups.
    pub(super) lookups: u32,
}

impl State {
    /// Returns a session that is not deleted.
    pub(super) fn session(&self, id: SessionId) -> Option<&StoredSession> {
        self.sessions.get(&id).filter(|stored| !stored.deleted)
    }

    /// Returns a session that is not deleted, for updates.
    pub(super) fn session_mut(&mut self, id: SessionId) -> Option<&mut StoredSession> {
        self.sessions.get_mut(&id).filter(|stored| !stored.deleted)
    }

    /// Returns all usage rows.
    pub(super) fn attempts(&self) -> impl Iterator<Item = &StoredAttempt> {
        let of_turns = self.turns.values().flat_map(|turn| &turn.attempts);
        of_turns.chain(self.completions.values().map(|completion| &completion.attempt))
    }

    /// Returns a message with its attachments and usage.
    pub(super) fn view(&self, stored: &StoredSession, message: &Message) -> MessageView {
        MessageView {
            session: (&stored.session).into(),
            attachments: stored.attachments.get(&message.id).cloned().unwrap_or_default(),
            usage: message
                .turn_id
                .and_then(|turn| self.turns.get(&turn))
                .filter(|turn| turn.turn.assistant_message_id == message.id)
                .and_then(MemoryTurn::usage),
            message: message.clone(),
        }
    }
}

impl MemoryTurn {
    pub(super) fn is_running(&self) -> bool {
        self.turn.status == TurnStatus::Running
    }

    /// Returns the sum of the closed attempts.
    pub(super) fn usage(&self) -> Option<MessageUsage> {
        let closed: Vec<&CloseUsage> =
            self.attempts.iter().filter_map(|attempt| attempt.closed.as_ref()).collect();
        let last = closed.last()?;
        let sum = UsageSum::of(closed.iter().map(|row| UsageSum::one(row.tokens, &row.settlement)))?;
        Some(MessageUsage {
            model: last.progress.model_served.clone().unwrap_or_else(|| self.turn.model.clone()),
            tokens: sum.tokens,
            cost: sum.cost,
            basis: sum.basis,
            cache_saved: sum.cache_saved,
            cache_miss: last.cache_miss,
            generation_id: last.progress.generation_id.clone(),
        })
    }
}

fn one(value: Scalar) -> FieldValue {
    FieldValue::One(value)
}

fn id(value: Uuid) -> FieldValue {
    one(Scalar::Uuid(value))
}

fn nullable_id(value: Option<Uuid>) -> FieldValue {
    value.map_or(FieldValue::Null, id)
}

fn text(value: &str) -> FieldValue {
    one(Scalar::Text(value.to_owned()))
}

impl Row for Session {
    type Field = SessionField;

    fn field_value(&self, field: SessionField) -> FieldValue {
        match field {
            SessionField::Id => id(self.id.as_uuid()),
            SessionField::UserId => id(self.user_id.as_uuid()),
            SessionField::GroupId => nullable_id(self.group_id.map(|id| id.as_uuid())),
            SessionField::ToolId => id(self.tool_id.as_uuid()),
            SessionField::State => text(self.state.as_str()),
            SessionField::CreatedAt => one(Scalar::Time(self.started_at)),
        }
    }
}

/// Message with its session, whose fields rules can refer to as well.
#[derive(Debug)]
pub(super) struct MessageRow<'a> {
    pub(super) message: &'a Message,
    pub(super) session: &'a Session,
}

impl Row for MessageRow<'_> {
    type Field = MessageField;

    fn field_value(&self, field: MessageField) -> FieldValue {
        match field {
            MessageField::Id => id(self.message.id.as_uuid()),
            MessageField::SessionId => id(self.session.id.as_uuid()),
            MessageField::Role => text(self.message.role.as_str()),
            MessageField::Seq => one(Scalar::Integer(self.message.seq)),
            MessageField::UserId => id(self.session.user_id.as_uuid()),
            MessageField::GroupId => nullable_id(self.session.group_id.map(|id| id.as_uuid())),
            MessageField::SessionState => text(self.session.state.as_str()),
        }
    }
}

impl Row for Tool {
    type Field = ToolField;

    fn field_value(&self, field: ToolField) -> FieldValue {
        match field {
            ToolField::Id => id(self.id.as_uuid()),
            ToolField::Slug => text(&self.slug),
            ToolField::Enabled => one(Scalar::Bool(self.enabled)),
            ToolField::GroupId => nullable_id(self.group_id.map(|id| id.as_uuid())),
            ToolField::OwnerId => nullable_id(self.owner_id.map(|id| id.as_uuid())),
        }
    }
}

impl Row for Model {
    type Field = ModelField;

    fn field_value(&self, field: ModelField) -> FieldValue {
        match field {
            ModelField::Id => text(&self.catalog.id),
            ModelField::Enabled => one(Scalar::Bool(self.enabled)),
            ModelField::GroupId => nullable_id(self.group_id.map(|id| id.as_uuid())),
            ModelField::Restricted => one(Scalar::Bool(self.restricted)),
        }
    }
}
