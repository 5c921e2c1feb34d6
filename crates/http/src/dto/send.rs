//! A message to send, as clients give it.

use causerie_domain::attachments::StorageProvider;
use causerie_runtime::{AttachmentInput, NewMessage};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::input::{self, Object};
use super::value::ProviderWord;

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

impl SendMessageBody {
    /// The message, under the client's name for this send.
    pub(crate) fn named(self, idempotency_key: Option<String>) -> NewMessage {
        NewMessage {
            content: self.content,
            attachments: self.attachments.into_iter().map(|body| body.0.into()).collect(),
            meta: self.meta,
            idempotency_key,
        }
    }
}

/// A file that a message refers to. Its bytes are not uploaded here.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAttachment)]
pub(crate) struct AttachmentBody {
    /// The name, without path parts, at most 255 characters.
    #[schema(examples("triangle.png"))]
    filename: String,
    /// The media type, at most 100 characters.
    #[schema(examples("image/png"))]
    mime_type: String,
    /// The size in bytes.
    #[schema(minimum = 0)]
    size: i64,
    /// Where the bytes live.
    #[serde(deserialize_with = "input::word")]
    #[schema(value_type = ProviderWord)]
    storage_provider: StorageProvider,
    /// Where they live there, at most 500 characters; for `url` the address.
    storage_key: String,
    /// Whatever else is said about the file.
    #[serde(default)]
    meta: Map<String, Value>,
}

impl From<AttachmentBody> for AttachmentInput {
    fn from(body: AttachmentBody) -> Self {
        AttachmentInput {
            filename: body.filename,
            mime_type: body.mime_type,
            size: body.size,
            storage_provider: body.storage_provider,
            storage_key: body.storage_key,
            meta: body.meta,
        }
    }
}
