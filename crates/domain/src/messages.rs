//! Messages: what was said, in order.

use serde_json::{Map, Value};

use crate::attachments::Attachment;
use crate::string_enum::string_enum;
use crate::usage::MessageUsage;
use crate::{MessageId, SessionId, Timestamp, TurnId};

string_enum! {
    /// Who speaks.
    MessageRole, "message role", {
        /// The person.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// The tool's behaviour. Stored messages seldom have it: the behaviour comes from the pinned version.
        System = "system",
    }
}

string_enum! {
    /// What became of a message.
    MessageStatus, "message status", {
        /// An answer that is being written.
        Pending = "pending",
        /// Whole.
        Completed = "completed",
        /// An answer that its reader stopped; the text so far is kept.
        Cancelled = "cancelled",
        /// An answer that the server's end cut; the text so far is kept.
        Interrupted = "interrupted",
        /// An answer that the upstream failed; the text so far is kept.
        Failed = "failed",
    }
}

string_enum! {
    /// What kind of text a part holds.
    PartKind, "part kind", {
        /// The answer.
        Text = "text",
        /// What the model thought before it.
        Reasoning = "reasoning",
    }
}

/// A run of text of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its kind.
    pub kind: PartKind,
    /// The text, exactly as it was streamed.
    pub text: String,
}

/// What is known about how a message came to be. Unknown keys are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageMeta {
    /// The model that answered.
    pub model: Option<String>,
    /// Tokens of the answer's request, in and out.
    pub tokens: Option<u64>,
    /// From the send to the end of the answer.
    pub latency_ms: Option<u64>,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// What modules extracted from the text.
    pub extractions: Option<Value>,
    /// Everything else, as it was given.
    pub other: Map<String, Value>,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id.
    pub id: MessageId,
    /// The conversation.
    pub session_id: SessionId,
    /// The turn it belongs to; a greeting and a forked copy have none.
    pub turn_id: Option<TurnId>,
    /// Who speaks.
    pub role: MessageRole,
    /// Its place, from 1, without gaps.
    pub seq: i64,
    /// What became of it.
    pub status: MessageStatus,
    /// The text parts, joined.
    pub content: String,
    /// All parts in the order they were streamed.
    pub parts: Vec<Part>,
    /// The upstream's reasoning records, verbatim, for replay to the model that made them.
    pub reasoning_details: Option<Value>,
    /// How it came to be.
    pub meta: MessageMeta,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// A message as its reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageView {
    /// The message.
    pub message: Message,
    /// Its attachments that are not deleted.
    pub attachments: Vec<Attachment>,
    /// Of an answer: the tokens and cost of all its requests.
    pub usage: Option<MessageUsage>,
}

/// Joins the text parts: the content of a message.
pub fn content_of(parts: &[Part]) -> String {
    parts.iter().filter(|part| part.kind == PartKind::Text).map(|part| part.text.as_str()).collect()
}

/// Appends text to a list of parts, opening a new part where the kind changes.
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
