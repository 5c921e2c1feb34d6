//! Messages in responses, and the body of a send.

use causerie_domain::messages::{MessageMeta, MessageView, NewMessage, Part};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::attachments::{AttachmentBody, AttachmentDto};
use super::input::Object;
use super::usage::UsageDto;
use super::values::{Id, MessageRoleDto, MessageStatusDto, PartKindDto, TimestampDto};

/// One message of a session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub(crate) struct MessageDto {
    id: Id,
    session_id: Id,
    /// The turn it belongs to. A greeting and a forked copy have none.
    turn_id: Option<Id>,
    role: MessageRoleDto,
    /// Its place in the session, from 1, without gaps.
    seq: i64,
    status: MessageStatusDto,
    /// The text, exactly as it was given or streamed.
    content: String,
    /// Reasoning and text, in the order they were streamed.
    parts: Vec<PartDto>,
    meta: MetaDto,
    attachments: Vec<AttachmentDto>,
    /// Of an answer: the tokens and cost of all its requests.
    usage: Option<UsageDto>,
    created_at: TimestampDto,
}

impl From<MessageView> for MessageDto {
    fn from(view: MessageView) -> Self {
        let message = view.message;
        MessageDto {
            id: message.id.into(),
            session_id: message.session_id.into(),
            turn_id: message.turn_id.map(Id::from),
            role: message.role.into(),
            seq: message.seq,
            status: message.status.into(),
            content: message.content,
            parts: message.parts.into_iter().map(PartDto::from).collect(),
            meta: message.meta.into(),
            attachments: view.attachments.into_iter().map(AttachmentDto::from).collect(),
            usage: view.usage.map(UsageDto::from),
            created_at: message.created_at.into(),
        }
    }
}

/// A run of text of one kind.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessagePart)]
pub(crate) struct PartDto {
    #[serde(rename = "type")]
    kind: PartKindDto,
    text: String,
}

impl From<Part> for PartDto {
    fn from(part: Part) -> Self {
        PartDto { kind: part.kind.into(), text: part.text }
    }
}

/// How a message came to be. Other members are kept as they were given.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageMeta)]
pub(crate) struct MetaDto {
    /// The model that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    model: Option<String>,
    /// Tokens of the answer's request, in and out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tokens: Option<u64>,
    /// From the send to the end of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    latency_ms: Option<u64>,
    /// Why the model stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    finish_reason: Option<String>,
    /// What modules extracted from the text.
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

/// A message to send.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMessage)]
pub(crate) struct SendMessageBody {
    /// The text, stored and sent exactly as given.
    #[schema(examples("What is a prime number?"))]
    content: String,
    /// Files that the message refers to.
    #[serde(default)]
    #[schema(value_type = Vec<AttachmentBody>)]
    attachments: Vec<Object<AttachmentBody>>,
    /// Whatever else is to be kept with the message.
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
