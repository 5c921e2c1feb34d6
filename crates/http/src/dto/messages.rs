//! Messages in responses, and the body of a send.

use causerie_domain::messages::{MessageMeta, MessageView, NewMessage, Part, PartKind, media_type};
use causerie_domain::page::fitting_rows;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::attachments::{AttachmentBody, AttachmentDto};
use super::input::Object;
use super::page::{PageCursor, json_size};
use super::usage::UsageDto;
use super::values::{Id, MessageRoleDto, MessageStatusDto, SessionStateDto, TimestampDto};

/// A message of a session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub(crate) struct MessageDto {
    id: Id,
    session_id: Id,
    /// The owner of the session.
    user_id: Id,
    /// The group whose account pays for the session.
    group_id: Option<Id>,
    session_state: SessionStateDto,
    /// The turn of the message; null for a greeting and for a copy in a fork.
    turn_id: Option<Id>,
    role: MessageRoleDto,
    /// Number of the message in the session, from 1, without gaps.
    seq: i64,
    status: MessageStatusDto,
    /// The text, exactly as it was sent or streamed.
    content: String,
    /// Reasoning, text and files, in the order in which they were streamed.
    parts: Vec<PartDto>,
    meta: MetaDto,
    /// Number of the answer that replaces this one; null unless the answer was regenerated.
    superseded_by: Option<i64>,
    /// Whether the upstream refused the message of the user: it is not sent to the model again.
    withheld: bool,
    attachments: Vec<AttachmentDto>,
    /// Tokens and cost of all requests of an answer; null for other messages.
    usage: Option<UsageDto>,
    created_at: TimestampDto,
}

impl From<MessageView> for MessageDto {
    fn from(view: MessageView) -> Self {
        let message = view.message;
        MessageDto {
            id: message.id.into(),
            session_id: message.session_id.into(),
            user_id: view.session.user_id.into(),
            group_id: view.session.group_id.map(Id::from),
            session_state: view.session.state.into(),
            turn_id: message.turn_id.map(Id::from),
            role: message.role.into(),
            seq: message.seq,
            status: message.status.into(),
            content: message.content,
            parts: message.parts.into_iter().map(PartDto::from).collect(),
            meta: message.meta.into(),
            superseded_by: message.superseded_by,
            withheld: message.withheld_from.is_some(),
            attachments: view.attachments.into_iter().map(AttachmentDto::from).collect(),
            usage: view.usage.map(UsageDto::from),
            created_at: message.created_at.into(),
        }
    }
}

/// Returns the last messages that fit into a page, in order, and the number of the first one.
pub(crate) fn latest_of_page(views: Vec<MessageView>) -> (Option<i64>, Vec<MessageDto>) {
    let mut messages: Vec<MessageDto> = views.into_iter().map(MessageDto::from).collect();
    let fitting = fitting_rows(messages.iter().rev().map(json_size));
    let messages = messages.split_off(messages.len() - fitting);
    (messages.first().map(|message| message.seq), messages)
}

/// A part of a message: text, reasoning, or a file.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = MessagePart)]
pub(crate) enum PartDto {
    /// Text of the answer.
    Text { text: String },
    /// Reasoning of the model before the answer.
    Reasoning { text: String },
    /// File of the answer, such as a generated image.
    File {
        media_type: String,
        /// A `data:` URL, or the address of the file.
        url: String,
    },
}

impl From<Part> for PartDto {
    fn from(part: Part) -> Self {
        match part.kind {
            PartKind::Text => PartDto::Text { text: part.text },
            PartKind::Reasoning => PartDto::Reasoning { text: part.text },
            PartKind::File => PartDto::File { media_type: media_type(&part.text).to_owned(), url: part.text },
        }
    }
}

/// Metadata of a message. Other members are stored and returned unchanged.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageMeta)]
pub(crate) struct MetaDto {
    /// The model that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    model: Option<String>,
    /// Input and output tokens of the request that produced the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tokens: Option<u64>,
    /// Time from the send to the end of the answer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    latency_ms: Option<u64>,
    /// Why the model stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    finish_reason: Option<String>,
    /// Data that modules extracted from the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    extractions: Option<Value>,
    #[serde(flatten)]
    #[schema(ignore)]
    other: Map<String, Value>,
}

impl From<MessageMeta> for MetaDto {
    fn from(meta: MessageMeta) -> Self {
        MetaDto {
            model: meta.model,
            tokens: meta.tokens,
            latency_ms: meta.latency_ms,
            finish_reason: meta.finish_reason,
            extractions: meta.extractions,
            other: meta.other,
        }
    }
}

/// A new message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMessage)]
pub(crate) struct SendMessageBody {
    /// The text. It is stored and sent unchanged.
    #[schema(examples("What is a prime number?"))]
    content: String,
    /// Files to which the message refers.
    #[serde(default)]
    #[schema(value_type = Vec<AttachmentBody>, max_items = 20)]
    attachments: Vec<Object<AttachmentBody>>,
    /// Further data that is stored with the message, at most 16 KiB of JSON.
    #[serde(default)]
    meta: Map<String, Value>,
}

impl From<SendMessageBody> for NewMessage {
    fn from(body: SendMessageBody) -> Self {
        NewMessage {
            content: body.content,
            attachments: body.attachments.into_iter().map(|file| file.0.into()).collect(),
            meta: body.meta,
        }
    }
}

/// Position in the list of messages, with the direction of paging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageCursor {
    /// Later messages, after this number.
    After(i64),
    /// Earlier messages, before this number.
    Before(i64),
}

impl PageCursor for MessageCursor {
    const LIST: &'static str = "messages";

    fn to_text(&self) -> String {
        match self {
            MessageCursor::After(seq) => format!("after {seq}"),
            MessageCursor::Before(seq) => format!("before {seq}"),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        let (direction, seq) = text.split_once(' ')?;
        match direction {
            "after" => Some(MessageCursor::After(seq.parse().ok()?)),
            "before" => Some(MessageCursor::Before(seq.parse().ok()?)),
            _ => None,
        }
    }
}
