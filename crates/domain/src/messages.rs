//! Messages of a session.

use serde_json::{Map, Value};

use crate::attachments::{Attachment, NewAttachment};
use crate::sessions::{Session, SessionState};
use crate::string_enum::string_enum;
use crate::usage::MessageUsage;
use crate::{GroupId, MessageId, SessionId, Timestamp, TurnId, UserId};

string_enum! {
    /// Author of a message.
    MessageRole, "message role", {
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// System message. It is seldom stored: the behaviour comes from the version of the tool.
        System = "system",
    }
}

string_enum! {
    /// Status of a message.
    MessageStatus, "message status", {
        /// Answer of a running turn.
        Pending = "pending",
        Completed = "completed",
        /// Answer that was cancelled; the partial text is kept.
        Cancelled = "cancelled",
        /// Answer that ended with its process; the partial text is kept.
        Interrupted = "interrupted",
        /// Answer that failed at the upstream; the partial text is kept.
        Failed = "failed",
    }
}

string_enum! {
    /// Kind of a part.
    PartKind, "part kind", {
        /// Text of the answer.
        Text = "text",
        /// Reasoning of the model before the answer.
        Reasoning = "reasoning",
    }
}

/// Maximum size of the history that a turn loads, in bytes as the messages are stored. Texts of answers are stored twice,
/// as content and as parts.
pub const MAX_HISTORY_BYTES: usize = 16 * 1024 * 1024;

/// Part of a message: contiguous text of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub kind: PartKind,
    /// Text exactly as it was streamed.
    pub text: String,
}

/// Metadata of a message. Unknown keys are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageMeta {
    /// Model that answered.
    pub model: Option<String>,
    /// Input and output tokens of the request of the answer.
    pub tokens: Option<u64>,
    /// Time from the send to the end of the answer.
    pub latency_ms: Option<u64>,
    pub finish_reason: Option<String>,
    /// Data that modules extracted from the text.
    pub extractions: Option<Value>,
    /// Metadata from the client.
    pub other: Map<String, Value>,
}

/// Message to send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewMessage {
    /// Text, stored and sent unchanged.
    pub content: String,
    pub attachments: Vec<NewAttachment>,
    /// Metadata from the client.
    pub meta: Map<String, Value>,
}

/// Message of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: MessageId,
    pub session_id: SessionId,
    /// Turn of the message; `None` for greetings and forked copies.
    pub turn_id: Option<TurnId>,
    pub role: MessageRole,
    /// Sequence number in the session, from 1 without gaps.
    pub seq: i64,
    pub status: MessageStatus,
    /// Text parts, joined.
    pub content: String,
    /// All parts in stream order.
    pub parts: Vec<Part>,
    /// Reasoning records of the upstream, verbatim, for replay to the model that created them.
    pub reasoning_details: Option<Value>,
    pub meta: MessageMeta,
    pub created_at: Timestamp,
}

/// The construction of messages. A new field is set here, for each store.
impl Message {
    /// Returns a completed message without text and without a turn.
    pub fn empty(
        id: MessageId,
        session_id: SessionId,
        role: MessageRole,
        seq: i64,
        created_at: Timestamp,
    ) -> Self {
        Message {
            id,
            session_id,
            turn_id: None,
            role,
            seq,
            status: MessageStatus::Completed,
            content: String::new(),
            parts: Vec::new(),
            reasoning_details: None,
            meta: MessageMeta::default(),
            created_at,
        }
    }

    /// Returns the message with the given text.
    #[must_use]
    pub fn with_text(self, content: &str) -> Self {
        Message { content: content.to_owned(), parts: text_parts(content), ..self }
    }

    /// Returns the message with the data of a message to send. The attachments are entities of their own.
    #[must_use]
    pub fn with(self, new: &NewMessage) -> Self {
        let NewMessage { content, attachments: _, meta } = new;
        let meta = MessageMeta { other: meta.clone(), ..MessageMeta::default() };
        Message { meta, ..self.with_text(content) }
    }
}

/// Fields of a session that rules on its messages can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageSession {
    /// Owner.
    pub user_id: UserId,
    pub group_id: Option<GroupId>,
    pub state: SessionState,
}

impl From<&Session> for MessageSession {
    fn from(session: &Session) -> Self {
        MessageSession { user_id: session.user_id, group_id: session.group_id, state: session.state }
    }
}

/// Message with its attachments and usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageView {
    pub message: Message,
    pub session: MessageSession,
    /// Attachments that are not deleted.
    pub attachments: Vec<Attachment>,
    /// Tokens and cost of all requests of an answer.
    pub usage: Option<MessageUsage>,
}

/// Joins the text parts to the content of a message.
pub fn content_of(parts: &[Part]) -> String {
    parts.iter().filter(|part| part.kind == PartKind::Text).map(|part| part.text.as_str()).collect()
}

/// Returns the parts of a message with text only.
fn text_parts(content: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    push_part(&mut parts, PartKind::Text, content);
    parts
}

/// Appends text to a list of parts. A change of the kind starts a new part.
pub fn push_part(parts: &mut Vec<Part>, kind: PartKind, text: &str) {
    match parts.last_mut() {
        Some(last) if last.kind == kind => last.text.push_str(text),
        _ if text.is_empty() => {}
        _ => parts.push(Part { kind, text: text.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_in_place_until_the_kind_changes() {
        let mut parts = Vec::new();
        push_part(&mut parts, PartKind::Text, "");
        push_part(&mut parts, PartKind::Reasoning, "hm");
        push_part(&mut parts, PartKind::Text, "Hel");
        push_part(&mut parts, PartKind::Text, "lo");
        assert_eq!(parts.len(), 2);
        assert_eq!(content_of(&parts), "Hello");
    }
}
