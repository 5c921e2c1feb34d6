//! Files that messages refer to. Their bytes live elsewhere.

use serde_json::{Map, Value};

use crate::string_enum::string_enum;
use crate::{AttachmentId, MessageId, Timestamp};

string_enum! {
    /// Where the bytes of an attachment live.
    StorageProvider, "storage provider", {
        /// On this installation's disk.
        Local = "local",
        /// In an S3 bucket.
        S3 = "s3",
        /// In a Google Cloud Storage bucket.
        Gcs = "gcs",
        /// At the address that the storage key is.
        Url = "url",
    }
}

/// The longest file name, in characters.
pub const MAX_FILENAME_CHARS: usize = 255;
/// The longest MIME type, in characters.
pub const MAX_MIME_TYPE_CHARS: usize = 100;
/// The longest storage key, in characters.
pub const MAX_STORAGE_KEY_CHARS: usize = 500;

/// A file that a message refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The id.
    pub id: AttachmentId,
    /// The message.
    pub message_id: MessageId,
    /// The name, without path parts, at most [`MAX_FILENAME_CHARS`] characters.
    pub filename: String,
    /// The media type, at most [`MAX_MIME_TYPE_CHARS`] characters.
    pub mime_type: String,
    /// The size in bytes.
    pub size: i64,
    /// Where the bytes live.
    pub storage_provider: StorageProvider,
    /// Where they live there, at most [`MAX_STORAGE_KEY_CHARS`] characters.
    pub storage_key: String,
    /// Whatever else was said about it.
    pub meta: Map<String, Value>,
    /// When it was stored.
    pub uploaded_at: Timestamp,
}
