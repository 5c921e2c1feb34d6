//! Requests to the completion gateway.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::messages::MessageRole;
use crate::principal::Requester;

/// Request to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionRequest {
    pub model: String,
    /// Fallback models in order.
    pub fallback_models: Vec<String>,
    pub messages: Vec<PromptMessage>,
    pub parameters: Parameters,
    /// Maximum number of output tokens. It is always sent: without it the upstream compares the credit of the account
    /// with the maximum of the model.
    pub max_tokens: u64,
    /// Stable pseudonym of the user, for the abuse detection of the upstream.
    pub user: Option<String>,
    /// Stable id of the session, for sticky routing.
    pub session: Option<String>,
    /// User and group for the fair sharing of the gateway. It is not sent.
    pub requester: Requester,
}

/// Request with a body in the format of the upstream, which is sent as it is.
///
/// The body asks for a stream; the gateway relays its chunks undecoded.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayRequest {
    /// Requested model, for limits per model.
    pub model: String,
    /// JSON object.
    pub body: Arc<str>,
    /// User and group for the fair sharing of the gateway. It is not sent.
    pub requester: Requester,
}

impl fmt::Debug for RelayRequest {
    // The body is the text of a conversation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayRequest")
            .field("model", &self.model)
            .field("body_bytes", &self.body.len())
            .field("requester", &self.requester)
            .finish()
    }
}

/// Message of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptMessage {
    pub role: MessageRole,
    pub content: Vec<ContentPart>,
    /// Reasoning records of an earlier answer, verbatim.
    pub reasoning_details: Option<Value>,
    /// Whether the provider may cache the request up to the end of the text of this message.
    pub cache_breakpoint: bool,
}

/// Part of the content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentPart {
    Text(String),
    ImageUrl(String),
    FileUrl { filename: String, url: String },
}

/// Sampling parameters. Decimal numbers keep the text of their author; absent parameters are not sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters {
    /// 0 to 2.
    pub temperature: Option<serde_json::Number>,
    /// 0 to 1.
    pub top_p: Option<serde_json::Number>,
    /// At least 1.
    pub top_k: Option<u64>,
    /// -2 to 2.
    pub frequency_penalty: Option<serde_json::Number>,
    /// -2 to 2.
    pub presence_penalty: Option<serde_json::Number>,
    /// Seed for repeatable answers, where a provider supports it.
    pub seed: Option<i64>,
    /// Up to four stop sequences.
    pub stop: Vec<String>,
    pub reasoning: Option<ReasoningParameters>,
    /// Provider preferences, sent unchanged.
    pub provider: Option<Value>,
}

/// Reasoning parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReasoningParameters {
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`.
    pub effort: Option<String>,
    /// Maximum number of reasoning tokens, in place of an effort.
    pub max_tokens: Option<u64>,
    /// Whether the reasoning is left out of the answer.
    pub exclude: Option<bool>,
}
