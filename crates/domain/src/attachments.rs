//! Attachments of messages. The store holds metadata only; the files are at a storage provider.

use serde_json::{Map, Value};

use crate::string_enum::string_enum;
use crate::{AttachmentId, MessageId, Timestamp};

string_enum! {
    /// Location of the file of an attachment.
    StorageProvider, "storage provider", {
        /// Local disk of the installation.
        Local = "local",
        /// S3 bucket.
        S3 = "s3",
        /// Google Cloud Storage bucket.
        Gcs = "gcs",
        /// The storage key is a URL.
        Url = "url",
    }
}

/// Maximum length of a file name in characters.
pub const MAX_FILENAME_CHARS: usize = 255;
/// Maximum length of a MIME type in characters.
pub const MAX_MIME_TYPE_CHARS: usize = 100;
/// Maximum length of a storage key in characters.
pub const MAX_STORAGE_KEY_CHARS: usize = 500;

/// Size that estimates assume for a file whose size is not known, in bytes: about that of a PDF of two pages.
pub const ASSUMED_FILE_BYTES: i64 = 64 * 1024;

/// Attachment of a message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttachment {
    pub filename: String,
    pub mime_type: String,
    /// Size in bytes; `None` if it is not known.
    pub size: Option<i64>,
    pub storage_provider: StorageProvider,
    /// Key of the file at the storage provider; for [`StorageProvider::Url`] the URL.
    pub storage_key: String,
    /// Metadata from the client.
    pub meta: Map<String, Value>,
}

/// Attachment of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub id: AttachmentId,
    pub message_id: MessageId,
    /// File name without directories, at most [`MAX_FILENAME_CHARS`] characters.
    pub filename: String,
    /// MIME type, at most [`MAX_MIME_TYPE_CHARS`] characters.
    pub mime_type: String,
    /// Size in bytes; `None` if it is not known.
    pub size: Option<i64>,
    pub storage_provider: StorageProvider,
    /// Key of the file at the storage provider, at most [`MAX_STORAGE_KEY_CHARS`] characters.
    pub storage_key: String,
    /// Metadata from the client.
    pub meta: Map<String, Value>,
    pub uploaded_at: Timestamp,
}
