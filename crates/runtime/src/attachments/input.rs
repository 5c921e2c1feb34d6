//! An attachment in the input of a send.

use causerie_domain::attachments::StorageProvider;
use serde_json::{Map, Value};

/// An attachment as its sender describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentInput {
    /// The file's name, without path parts.
    pub filename: String,
    /// The media type.
    pub mime_type: String,
    /// The size in bytes.
    pub size: i64,
    /// Where the bytes live.
    pub storage_provider: StorageProvider,
    /// Where they live there; for [`StorageProvider::Url`] the address.
    pub storage_key: String,
    /// Whatever else is said about it.
    pub meta: Map<String, Value>,
}
