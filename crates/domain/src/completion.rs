//! Types of the completion gateway: requests, events and errors.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::failure::FailureCode;
use crate::messages::MessageRole;
use crate::principal::Requester;
use crate::string_enum::string_enum;
use crate::usage::ReportedUsage;

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

string_enum! {
    /// Timeout of a request.
    TimeoutKind, "timeout", {
        /// Time until the connection is established.
        Connect = "connect",
        /// Time until the first byte of the response.
        FirstByte = "first_byte",
        /// Time between two reads. Keep-alive comments reset it.
        IdleBytes = "idle_bytes",
        /// Time between two deltas. Keep-alive comments do not reset it.
        IdleProgress = "idle_progress",
        /// Time of the whole request.
        Total = "total",
    }
}

/// Kind of a failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompletionErrorKind {
    /// Rate limit of the upstream or the provider.
    RateLimited,
    /// Daily limit: a wait of seconds does not help.
    DailyLimit,
    Timeout(TimeoutKind),
    /// The upstream rejects the API key.
    Authentication,
    /// The account at the upstream has not enough credit.
    PaymentRequired,
    /// The content was refused.
    Moderated,
    /// The messages exceed the context length of the model.
    ContextLength {
        /// Context length in tokens, if the upstream reported it.
        limit: Option<u64>,
        /// Requested tokens, if the upstream reported them.
        requested: Option<u64>,
    },
    /// No endpoint serves the model.
    ModelUnavailable,
    /// The upstream rejects the request as invalid.
    InvalidRequest,
    /// The response cannot be decoded.
    InvalidResponse,
    /// The upstream is down or responds with server errors.
    Unavailable,
    /// The connection failed or broke before the response started.
    Network,
    /// The response ended without its end marker.
    Interrupted,
    /// The caller closed the connection.
    Cancelled,
    /// The response has no text, no image, no tool call and no refusal.
    Empty,
    /// The rate limiter or circuit breaker of the gateway refused the request.
    Busy,
}

/// Failed request.
#[derive(Clone, PartialEq, Eq)]
pub struct CompletionError {
    pub kind: CompletionErrorKind,
    /// Sentence for users. It holds no secrets, no account ids and no text of the provider.
    pub message: String,
    /// Message of the upstream and the provider, for logs and for the reason of a refused completion. Account ids are
    /// removed. It may quote the request and the answer, which the runtime removes before it uses the message.
    pub provider_text: Option<String>,
    /// HTTP status, if a response arrived.
    pub status: Option<u16>,
    /// Wait that the upstream asks for.
    pub retry_after: Option<Duration>,
    /// Whether a repetition of the same request may succeed.
    pub retryable: bool,
    /// Id of the HTTP request at the upstream, for support tickets.
    pub request_id: Option<String>,
}

impl CompletionError {
    /// Creates an error with the default retryability of its kind.
    pub fn new(kind: CompletionErrorKind, message: impl Into<String>) -> Self {
        let retryable = kind.is_retryable();
        CompletionError {
            kind,
            message: message.into(),
            provider_text: None,
            status: None,
            retry_after: None,
            retryable,
            request_id: None,
        }
    }

    /// Returns whether the upstream or the limits of the gateway refused the request before any generation. Refused
    /// requests are not charged. A request with an unknown result, such as a timeout, is not a refusal.
    pub fn is_refusal(&self) -> bool {
        match self.kind {
            CompletionErrorKind::RateLimited
            | CompletionErrorKind::DailyLimit
            | CompletionErrorKind::Authentication
            | CompletionErrorKind::PaymentRequired
            | CompletionErrorKind::Moderated
            | CompletionErrorKind::ContextLength { .. }
            | CompletionErrorKind::ModelUnavailable
            | CompletionErrorKind::InvalidRequest
            | CompletionErrorKind::Busy => true,
            CompletionErrorKind::Unavailable => self.status.is_some(),
            CompletionErrorKind::Timeout(_)
            | CompletionErrorKind::InvalidResponse
            | CompletionErrorKind::Network
            | CompletionErrorKind::Interrupted
            | CompletionErrorKind::Empty
            | CompletionErrorKind::Cancelled => false,
        }
    }

    /// Returns the failure code of a turn that fails with this error.
    pub fn failure_code(&self) -> FailureCode {
        match self.kind {
            CompletionErrorKind::RateLimited | CompletionErrorKind::DailyLimit => {
                FailureCode::UpstreamRateLimited
            }
            CompletionErrorKind::Timeout(_) => FailureCode::UpstreamTimeout,
            CompletionErrorKind::Authentication => FailureCode::UpstreamAuthentication,
            CompletionErrorKind::PaymentRequired => FailureCode::UpstreamPaymentRequired,
            CompletionErrorKind::Moderated => FailureCode::ContentModerated,
            CompletionErrorKind::ContextLength { .. } => FailureCode::ContextLengthExceeded,
            CompletionErrorKind::ModelUnavailable => FailureCode::ModelUnavailable,
            CompletionErrorKind::InvalidRequest => FailureCode::UpstreamInvalidRequest,
            CompletionErrorKind::InvalidResponse => FailureCode::UpstreamInvalidResponse,
            CompletionErrorKind::Unavailable | CompletionErrorKind::Network => {
                FailureCode::UpstreamUnavailable
            }
            CompletionErrorKind::Interrupted => FailureCode::UpstreamInterrupted,
            CompletionErrorKind::Empty => FailureCode::EmptyResponse,
            CompletionErrorKind::Busy => FailureCode::UpstreamBusy,
            // A cancelled request ends a cancelled turn; no turn fails with this kind.
            CompletionErrorKind::Cancelled => FailureCode::Internal,
        }
    }
}

impl CompletionErrorKind {
    /// Returns whether a repetition of the same request may succeed, unless the upstream reports otherwise.
    pub const fn is_retryable(&self) -> bool {
        match self {
            CompletionErrorKind::RateLimited
            | CompletionErrorKind::Timeout(_)
            | CompletionErrorKind::InvalidResponse
            | CompletionErrorKind::Unavailable
            | CompletionErrorKind::Network
            | CompletionErrorKind::Interrupted
            | CompletionErrorKind::Empty
            | CompletionErrorKind::Busy => true,
            CompletionErrorKind::DailyLimit
            | CompletionErrorKind::Authentication
            | CompletionErrorKind::PaymentRequired
            | CompletionErrorKind::Moderated
            | CompletionErrorKind::ContextLength { .. }
            | CompletionErrorKind::ModelUnavailable
            | CompletionErrorKind::InvalidRequest
            | CompletionErrorKind::Cancelled => false,
        }
    }
}

impl fmt::Display for CompletionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CompletionError {}

impl fmt::Debug for CompletionError {
    // `Debug` leaves out the text of the provider, which only its log line may hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletionError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("retryable", &self.retryable)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
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
