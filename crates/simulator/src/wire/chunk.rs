//! `chat.completion.chunk`: event of a streamed answer.

use serde::Serialize;
use serde_json::Value;

use super::usage::UsageMember;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Chunk {
    pub(crate) id: ChunkId,
    pub(crate) object: &'static str,
    pub(crate) created: u64,
    pub(crate) model: String,
    pub(crate) provider: &'static str,
    #[serde(flatten)]
    pub(crate) body: ChunkBody,
}

/// Members that differ between the events of an answer.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ChunkBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_tier: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Value>,
    pub(crate) choices: Vec<Choice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<UsageMember>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Choice {
    pub(crate) index: u32,
    pub(crate) delta: Delta,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) logprobs: Option<Value>,
    pub(crate) finish_reason: Option<&'static str>,
    pub(crate) native_finish_reason: Option<&'static str>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Delta {
    pub(crate) content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasoning_details: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) images: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_calls: Vec<Value>,
}

/// Id of a chunk: text, and a number in recordings of one gateway.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum ChunkId {
    Text(String),
    Number(u64),
}
