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
        /// File of the answer, such as a generated image.
        File = "file",
    }
}

impl PartKind {
    /// Returns the number of positions that a text of this kind takes: one per character (Unicode scalar value), and
    /// one for a whole file.
    pub fn length(self, text: &str) -> u64 {
        match self {
            PartKind::Text | PartKind::Reasoning => text.chars().count() as u64,
            PartKind::File => u64::from(!text.is_empty()),
        }
    }

    /// Returns whether text of the next kind belongs to the same part. Each file is a part of its own.
    pub fn continues(self, next: PartKind) -> bool {
        self == next && self != PartKind::File
    }

    /// Returns the byte offset after a number of positions in a text of this kind, or the length of a shorter text.
    pub fn byte_offset(self, text: &str, positions: u64) -> usize {
        match self {
            PartKind::File if positions > 0 => text.len(),
            _ => {
                let positions = usize::try_from(positions).unwrap_or(usize::MAX);
                text.char_indices().nth(positions).map_or(text.len(), |(byte, _)| byte)
            }
        }
    }
}

/// Maximum size of the history that a turn loads, in bytes of the stored messages without their parts.
pub const MAX_HISTORY_BYTES: usize = 16 * 1024 * 1024;

/// Part of a message: contiguous text of one kind, or one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub kind: PartKind,
    /// Text exactly as it was streamed. The text of a file is its URL.
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
    /// Sequence number of the answer that replaces this one. A superseded message is listed and is never sent upstream.
    pub superseded_by: Option<i64>,
    /// Mark of a user message that the upstream refused: it is listed and is not sent upstream again. The value is the
    /// sequence number of the answer of the turn that set the mark.
    pub withheld_from: Option<i64>,
    /// Whether the upstream has accepted a request with this user message.
    pub accepted: bool,
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
            superseded_by: None,
            withheld_from: None,
            accepted: false,
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

    /// Returns the message as the history of a turn has it: without parts, whose text is also the content and whose
    /// files are not sent again. An answer without text that has files keeps one empty file.
    #[must_use]
    pub fn without_parts(self) -> Self {
        let has_files = self.parts.iter().any(|part| part.kind == PartKind::File);
        let file = Part { kind: PartKind::File, text: String::new() };
        let parts = if self.content.is_empty() && has_files { vec![file] } else { Vec::new() };
        Message { parts, ..self }
    }
}

/// Marks of user messages that the end of a turn changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageMarks {
    /// Sequence numbers of the messages that are marked as accepted. They are withheld no longer.
    pub accepted: Vec<i64>,
    /// Sequence numbers of the messages that are withheld.
    pub withheld: Vec<i64>,
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

/// Returns the media type of the URL of a file: that of a `data:` URL, else the one of a known file extension, else
/// `image/*`.
pub fn media_type(url: &str) -> &str {
    let (scheme, rest) = url.split_once(':').unwrap_or_default();
    if scheme.eq_ignore_ascii_case("data") {
        let header = rest.split(',').next().unwrap_or_default();
        return header.split(';').next().filter(|name| !name.is_empty()).unwrap_or("text/plain");
    }
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    match path.rsplit('.').next().map(str::to_ascii_lowercase).as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("gif") => "image/gif",
        Some("svg") => "image/svg+xml",
        _ => "image/*",
    }
}

/// Appends text to a list of parts. A change of the kind starts a new part, and each file is a part.
pub fn push_part(parts: &mut Vec<Part>, kind: PartKind, text: &str) {
    match parts.last_mut() {
        Some(last) if last.kind.continues(kind) => last.text.push_str(text),
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

    #[test]
    fn each_file_is_a_part_of_one_position_and_no_content() {
        let mut parts = Vec::new();
        for (kind, text) in [(PartKind::File, "data:,a"), (PartKind::File, "data:,é"), (PartKind::Text, "é")]
        {
            push_part(&mut parts, kind, text);
        }
        assert_eq!(parts.iter().map(|part| part.kind.length(&part.text)).collect::<Vec<_>>(), [1, 1, 1]);
        assert_eq!(content_of(&parts), "é");
        let offset = |positions| PartKind::File.byte_offset("data:,a", positions);
        assert_eq!((offset(0), offset(1)), (0, 7));
        assert_eq!((PartKind::Text.byte_offset("éa", 1), PartKind::Text.byte_offset("éa", 9)), (2, 3));
    }

    #[test]
    fn a_url_has_a_media_type() {
        let check = |url: &str, expected: &str| assert_eq!(media_type(url), expected, "{url}");
        check("data:image/png;base64,AAAA", "image/png");
        check("DATA:image/svg+xml,<svg/>", "image/svg+xml");
        check("data:,", "text/plain");
        check("https://example.org/a.JPG?size=1.png", "image/jpeg");
        check("https://example.org/a", "image/*");
        check("", "image/*");
    }
}
