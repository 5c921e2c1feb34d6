//! Prompt caches of providers: what the last request of a session left there, and why the next one did not read it.

use crate::string_enum::string_enum;
use crate::{Timestamp, ToolVersionId};

string_enum! {
    /// Reason for which the beginning of a request was not read from the cache, although an earlier request of the session
    /// had the same or another beginning there.
    CacheMiss, "cache miss", {
        /// The history begins with another message.
        Cut = "cut",
        /// The last message of the earlier request became one with the message that follows it.
        Merged = "merged",
        /// A message of the earlier request is withheld now.
        Withheld = "withheld",
        /// Another model was asked, or answered.
        Model = "model",
        /// Another provider answered.
        Provider = "provider",
        /// The earlier request was too long ago.
        Idle = "idle",
        /// The session uses another version of its tool.
        ToolVersion = "tool_version",
        /// None of the other reasons.
        Unknown = "unknown",
    }
}

/// Last answered request of a session, with which the next one is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRequest {
    pub tool_version_id: ToolVersionId,
    /// Requested model.
    pub model: String,
    /// Served model.
    pub model_served: Option<String>,
    pub provider: Option<String>,
    /// Sequence number of the first message of the history.
    pub first_seq: i64,
    /// Sequence number of the answer.
    pub answer_seq: i64,
    /// Number of messages, including the system message.
    pub messages: u32,
    /// SHA-256 of the messages without breakpoints.
    pub sha256: [u8; 32],
    /// Tokens of the beginning that the provider is expected to keep; 0 if it keeps none.
    pub kept_tokens: u64,
    pub sent_at: Timestamp,
}
