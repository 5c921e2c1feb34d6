//! `chat.completion`: answer that is not streamed.

use serde::Serialize;
use serde_json::Value;

use super::usage::UsageMember;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Completion {
    pub(crate) id: String,
    pub(crate) object: &'static str,
    pub(crate) created: u64,
    pub(crate) model: String,
    pub(crate) provider: &'static str,
    pub(crate) system_fingerprint: Option<&'static str>,
    pub(crate) service_tier: Option<&'static str>,
    pub(crate) choices: [FullChoice; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<UsageMember>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct FullChoice {
    pub(crate) index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) logprobs: Option<Value>,
    pub(crate) finish_reason: Option<&'static str>,
    pub(crate) native_finish_reason: Option<&'static str>,
    pub(crate) message: FullMessage,
}

/// Message of a complete answer. Without text, `content` is null, not empty.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct FullMessage {
    pub(crate) role: &'static str,
    pub(crate) content: Option<String>,
    pub(crate) refusal: Option<String>,
    pub(crate) reasoning: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) images: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasoning_details: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_calls: Vec<Value>,
}
