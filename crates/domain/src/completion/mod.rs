//! Types of the completion gateway: requests, events and errors.

mod error;
mod request;

use serde_json::Value;

pub use self::error::{CompletionError, CompletionErrorKind, TimeoutKind};
pub use self::request::{
    CompletionRequest, ContentPart, Parameters, PromptMessage, ReasoningParameters, RelayRequest,
};
use crate::usage::ReportedUsage;

/// Event of a completion stream. [`CompletionEvent::Ended`] is the last event and occurs exactly once.
#[derive(Debug, Clone, PartialEq)]
pub enum CompletionEvent {
    /// The request is about to be sent. Later events belong to it.
    Prepared {
        /// SHA-256 of its body.
        sha256: [u8; 32],
    },
    /// Metadata of the answer. Later events add to earlier ones.
    Identified(GenerationInfo),
    /// Delta of the reasoning.
    Reasoning(String),
    /// Delta of the answer.
    Text(String),
    /// Delta of a refusal, which the model sends in place of an answer.
    Refusal(String),
    /// URL of a generated image.
    Image(String),
    /// Chunk of a relayed answer.
    Chunk(RelayChunk),
    /// Usage object of a relayed answer as JSON, verbatim. A later one replaces an earlier one.
    Usage(String),
    Ended(Box<CompletionEnd>),
}

/// Chunk of a relayed answer in the format of the upstream, without usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayChunk {
    /// JSON object on one line.
    pub json: String,
    /// Whether it has a piece of the answer: text, reasoning, a refusal, a function call, an image or audio.
    pub has_content: bool,
    /// Whether it has a finish reason.
    pub has_finish: bool,
    /// Size of its text, reasoning and function calls in bytes of JSON, for estimates.
    pub text_bytes: usize,
}

/// Metadata of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GenerationInfo {
    /// Id of the request at the upstream, with which its cost is looked up.
    pub generation_id: Option<String>,
    /// Served model. It can differ from the requested model.
    pub model: Option<String>,
    /// Provider that serves the request.
    pub provider: Option<String>,
}

/// End of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionEnd {
    pub outcome: Result<Finish, CompletionError>,
    /// Usage that the upstream reported. Failed and aborted requests often have none.
    pub usage: Option<ReportedUsage>,
    /// Reasoning records for replay in later requests.
    pub reasoning_details: Option<Value>,
    /// Complete tool calls in the order of their index.
    pub tool_calls: Vec<ToolCall>,
    /// Citations and file annotations, verbatim.
    pub annotations: Vec<Value>,
}

impl CompletionEnd {
    /// Returns the end of a request that failed without an answer.
    pub fn failed(error: CompletionError) -> Self {
        CompletionEnd {
            outcome: Err(error),
            usage: None,
            reasoning_details: None,
            tool_calls: Vec::new(),
            annotations: Vec::new(),
        }
    }
}

/// End of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// Finish reason, if the upstream sent one.
    pub reason: Option<FinishReason>,
    /// Finish reason in the words of the provider.
    pub native_reason: Option<String>,
    /// Whether the output was cut at its maximum, independent of the finish reason.
    pub truncated: bool,
}

/// Finish reason. Unknown values are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishReason {
    /// The model completed the answer.
    Stop,
    /// The maximum number of output tokens was reached.
    Length,
    /// The model requests tool calls.
    ToolCalls,
    /// A content filter cut the answer.
    ContentFilter,
    /// The model or provider failed.
    Error,
    Other(String),
}

impl FinishReason {
    /// Returns the value in the words of the upstream.
    pub fn as_str(&self) -> &str {
        match self {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
            FinishReason::ToolCalls => "tool_calls",
            FinishReason::ContentFilter => "content_filter",
            FinishReason::Error => "error",
            FinishReason::Other(word) => word,
        }
    }
}

impl From<&str> for FinishReason {
    fn from(word: &str) -> Self {
        match word {
            "stop" => FinishReason::Stop,
            "length" => FinishReason::Length,
            "tool_calls" => FinishReason::ToolCalls,
            "content_filter" => FinishReason::ContentFilter,
            "error" => FinishReason::Error,
            other => FinishReason::Other(other.to_owned()),
        }
    }
}

/// Function call that the model requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// Id of the call at the upstream.
    pub id: Option<String>,
    /// Name of the function.
    pub name: String,
    /// Arguments as JSON text.
    pub arguments: String,
    /// Whether the arguments are valid JSON and the output was not cut.
    pub complete: bool,
}

/// Record of a request at the upstream, available after the request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationRecord {
    /// Served model.
    pub model: Option<String>,
    pub provider: Option<String>,
    /// Billed tokens and cost.
    pub usage: ReportedUsage,
    /// Whether the request was aborted.
    pub cancelled: bool,
}
