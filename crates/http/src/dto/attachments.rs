//! Attachments of messages, in requests and responses.

use causerie_domain::attachments::{Attachment, NewAttachment, StorageProvider};
use causerie_domain::ports::AttachmentCursor;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::input;
use super::page::PageCursor;
use super::text::{FileNameText, MediaTypeText, StorageKeyText};
use super::values::{Id, StorageProviderDto, TimestampDto};

/// A file that a message refers to. Its bytes are stored elsewhere.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attachment)]
pub(crate) struct AttachmentDto {
    id: Id,
    filename: String,
    mime_type: String,
    /// Size in bytes; null if it is not known.
    size: Option<i64>,
    storage_provider: StorageProviderDto,
    /// Key of the bytes at the provider.
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
    /// File name without a path, at most 255 characters.
    #[schema(value_type = FileNameText)]
    filename: String,
    /// Media type, at most 100 characters.
    #[schema(value_type = MediaTypeText)]
    mime_type: String,
    /// Size in bytes.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    size: i64,
    /// Storage of the bytes.
    #[serde(deserialize_with = "input::from_str")]
    #[schema(value_type = StorageProviderDto)]
    storage_provider: StorageProvider,
    /// Key of the bytes at the provider, at most 500 characters; the URL if the provider is `url`.
    #[schema(value_type = StorageKeyText)]
    storage_key: String,
    /// Further data about the file.
    #[serde(default)]
    meta: Map<String, Value>,
}

impl From<AttachmentBody> for NewAttachment {
    fn from(body: AttachmentBody) -> Self {
        NewAttachment {
            filename: body.filename,
            mime_type: body.mime_type,
            size: Some(body.size),
            storage_provider: body.storage_provider,
            storage_key: body.storage_key,
            meta: body.meta,
        }
    }
}

impl PageCursor for AttachmentCursor {
    const LIST: &'static str = "attachments";

    fn to_text(&self) -> String {
        format!("{} {}", self.seq, self.id)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (seq, id) = text.split_once(' ')?;
        Some(AttachmentCursor { seq: seq.parse().ok()?, id: id.parse().ok()? })
    }
}
