//! Attachments of messages, in requests and responses.

use causerie_domain::attachments::{Attachment, NewAttachment, StorageProvider};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::input;
use super::values::{Id, StorageProviderDto, TimestampDto};

/// A file that a message refers to. Its bytes live elsewhere.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attachment)]
pub(crate) struct AttachmentDto {
    id: Id,
    filename: String,
    mime_type: String,
    /// The size in bytes.
    size: i64,
    storage_provider: StorageProviderDto,
    /// Where the bytes live there.
    storage_key: String,
    meta: Map<String, Value>,
    uploaded_at: TimestampDto,
}

impl From<Attachment> for AttachmentDto {
    fn from(attachment: Attachment) -> Self {
        AttachmentDto {
            id: attachment.id.into(),
            filename: attachment.filename,
            mime_type: attachment.mime_type,
            size: attachment.size,
            storage_provider: attachment.storage_provider.into(),
            storage_key: attachment.storage_key,
            meta: attachment.meta,
            uploaded_at: attachment.uploaded_at.into(),
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
    #[schema(value_type = StorageProviderDto)]
    storage_provider: StorageProvider,
    /// Where they live there, at most 500 characters; for `url` the address.
    storage_key: String,
    /// Whatever else is said about the file.
    #[serde(default)]
    meta: Map<String, Value>,
}

impl From<AttachmentBody> for NewAttachment {
    fn from(body: AttachmentBody) -> Self {
        NewAttachment {
            filename: body.filename,
            mime_type: body.mime_type,
            size: body.size,
            storage_provider: body.storage_provider,
            storage_key: body.storage_key,
            meta: body.meta,
        }
    }
}
