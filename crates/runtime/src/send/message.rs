//! The input of a send.

use serde_json::{Map, Value};

use crate::attachments::AttachmentInput;

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewMessage {
    /// The text, stored and sent exactly as given.
    pub content: String,
    /// What it refers to.
    pub attachments: Vec<AttachmentInput>,
    /// What else is said about it.
    pub meta: Map<String, Value>,
    /// The client's name for this send: a repeated one attaches to the turn that exists.
    pub idempotency_key: Option<String>,
}
