//! The gateway's words: what is asked of a model, what comes back, and how it fails.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::failure::FailureCode;
use crate::messages::MessageRole;
use crate::string_enum::string_enum;
use crate::usage::ReportedUsage;

/// One request to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionRequest {
    /// The model's id.
    pub model: String,
    /// Models to fall back to, in order.
    pub fallback_models: Vec<String>,
    /// What is sent, in order.
    pub messages: Vec<PromptMessage>,
    /// Sampling and the like.
    pub parameters: Parameters,
    /// Output tokens at most. Always sent: without it the upstream checks the account against the model's maximum.
    pub max_tokens: u64,
    /// A stable pseudonym of the user, for the upstream's abuse handling.
    pub user: Option<String>,
    /// A stable name of the conversation, for sticky routing.
    pub session: Option<String>,
}

/// A message as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptMessage {
    /// Who speaks.
    pub role: MessageRole,
    /// What is said.
    pub content: Vec<ContentPart>,
    /// The upstream's own reasoning records of an earlier answer, verbatim.
    pub reasoning_details: Option<Value>,
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentPart {
    /// Text.
    Text(String),
    /// An image at an address.
    ImageUrl(String),
    /// A file at an address.
    FileUrl {
        /// Its name.
        filename: String,
        /// Its address.
        url: String,
    },
}

/// Sampling parameters. Decimal numbers stay the decimal text their author wrote; absent ones are not sent.
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
    /// For repeatable answers, where a provider can.
    pub seed: Option<i64>,
    /// Up to four texts that end the answer.
    pub stop: Vec<String>,
    /// How much the model shall think.
    pub reasoning: Option<ReasoningParameters>,
    /// Provider preferences, passed on as they are.
    pub provider: Option<Value>,
}

/// How much a model shall think.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReasoningParameters {
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`.
    pub effort: Option<String>,
    /// A budget in tokens instead of an effort.
    pub max_tokens: Option<u64>,
    /// Think, but do not send the thoughts.
    pub exclude: Option<bool>,
}

/// What a request yields, in order; [`CompletionEvent::Ended`] comes exactly once and last.
#[derive(Debug, Clone, PartialEq)]
pub enum CompletionEvent {
    /// Something about the answer became known. Can come more than once; later ones add.
    Identified(GenerationInfo),
    /// A piece of reasoning.
    Reasoning(String),
    /// A piece of the answer.
    Text(String),
    /// A piece of a refusal: text that the model sent instead of an answer.
    Refusal(String),
    /// The end.
    Ended(Box<CompletionEnd>),
}

/// What is known about an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GenerationInfo {
    /// The upstream's id of the request, by which its cost can be looked up.
    pub generation_id: Option<String>,
    /// The model that serves, often not the one that was asked for.
    pub model: Option<String>,
    /// The provider that serves.
    pub provider: Option<String>,
}

/// How a request ended, and all that is only known then.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionEnd {
    /// With an answer, or not.
    pub outcome: Result<Finish, CompletionError>,
    /// What the upstream reported. Absent is a stated fact: failed and aborted requests often report none.
    pub usage: Option<ReportedUsage>,
    /// The reasoning records, put together, for replay.
    pub reasoning_details: Option<Value>,
    /// Tool calls, whole, in order of their index.
    pub tool_calls: Vec<ToolCall>,
    /// Citations and file annotations, verbatim.
    pub annotations: Vec<Value>,
}

/// An answer's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// Why the model stopped, where the upstream said.
    pub reason: Option<FinishReason>,
    /// The provider's own word for it.
    pub native_reason: Option<String>,
    /// Whether the output was cut at its maximum, whatever the reason claims.
    pub truncated: bool,
}

/// Why a model stopped. Unknown words are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// The maximum of output tokens.
    Length,
    /// It wants tools called.
    ToolCalls,
    /// A filter cut it.
    ContentFilter,
    /// It failed.
    Error,
    /// A word we do not know.
    Other(String),
}

impl FinishReason {
    /// The upstream's word.
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

/// A call of a function that the model asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The upstream's id of the call.
    pub id: Option<String>,
    /// The function.
    pub name: String,
    /// Its arguments as JSON text.
    pub arguments: String,
    /// Whether the arguments are whole: they parse, and the output was not cut.
    pub complete: bool,
}

string_enum! {
    /// The clocks that watch a request.
    TimeoutKind, "clock", {
        /// Until the connection stands.
        Connect = "connect",
        /// Until the first byte of the answer.
        FirstByte = "first_byte",
        /// Between two reads; keep-alive comments count as life.
        IdleBytes = "idle_bytes",
        /// Between two deltas; keep-alive comments do not count.
        IdleProgress = "idle_progress",
        /// The whole request.
        Total = "total",
    }
}

/// Why a request gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompletionErrorKind {
    /// The upstream's or the provider's rate limit.
    RateLimited,
    /// A daily cap: waiting seconds does not help.
    DailyLimit,
    /// A clock ran out.
    Timeout(TimeoutKind),
    /// The upstream refuses our key.
    Authentication,
    /// The upstream account has no credit for the request.
    PaymentRequired,
    /// The content was refused.
    Moderated,
    /// The messages do not fit the model.
    ContextLength {
        /// The limit in tokens, where the upstream said.
        limit: Option<u64>,
        /// The tokens asked for, where the upstream said.
        requested: Option<u64>,
    },
    /// No endpoint serves the model.
    ModelUnavailable,
    /// The upstream says that we asked wrongly.
    InvalidRequest,
    /// The answer cannot be understood.
    InvalidResponse,
    /// The upstream is down or answers with server errors.
    Unavailable,
    /// No connection, or it broke before the answer began.
    Network,
    /// The answer was cut without an end.
    Interrupted,
    /// The connection was closed on our own word.
    Cancelled,
    /// The answer had no text, no tool call and no refusal.
    Empty,
    /// Our own limiter or breaker had no place.
    Busy,
}

/// A request that gave no answer.
#[derive(Clone, PartialEq, Eq)]
pub struct CompletionError {
    /// Why, to match on.
    pub kind: CompletionErrorKind,
    /// A human sentence without secrets, account ids or provider text.
    pub message: String,
    /// What the upstream and the provider said, for logs only; account ids and user text are taken out.
    pub provider_text: Option<String>,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// How long the upstream asks to wait.
    pub retry_after: Option<Duration>,
    /// Whether another try of the same request may succeed.
    pub retryable: bool,
    /// The upstream's id of the request, for support tickets.
    pub request_id: Option<String>,
}

impl CompletionError {
    /// An error of a kind, with the kind's own retryability and nothing else known.
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

    /// Whether it is a refusal: an answer, of the upstream or of our own restraint, in place of any generation. What
    /// was refused is not charged. A request whose fate is unknown, such as one that timed out, was not refused.
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

    /// The code that a turn which failed by this error has.
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
            // A cancelled request ends a cancelled turn; a turn cannot fail by it.
            CompletionErrorKind::Cancelled => FailureCode::Internal,
        }
    }
}

impl CompletionErrorKind {
    /// Whether another try of the same request may succeed, where the upstream says nothing more exact.
    pub const fn is_retryable(&self) -> bool {
        match self {
            CompletionErrorKind::RateLimited
            | CompletionErrorKind::Timeout(_)
            | CompletionErrorKind::InvalidResponse
            | CompletionErrorKind::Unavailable
            | CompletionErrorKind::Network
            | CompletionErrorKind::Interrupted
            | CompletionErrorKind::Empty => true,
            CompletionErrorKind::DailyLimit
            | CompletionErrorKind::Authentication
            | CompletionErrorKind::PaymentRequired
            | CompletionErrorKind::Moderated
            | CompletionErrorKind::ContextLength { .. }
            | CompletionErrorKind::ModelUnavailable
            | CompletionErrorKind::InvalidRequest
            | CompletionErrorKind::Cancelled
            | CompletionErrorKind::Busy => false,
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
    // The provider's text is for the one place that logs it on purpose, not for every `{:?}`.
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

/// The upstream's record of one request, read after it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationRecord {
    /// The model that served.
    pub model: Option<String>,
    /// The provider that served.
    pub provider: Option<String>,
    /// Tokens and cost, as billed.
    pub usage: ReportedUsage,
    /// Whether the request was aborted.
    pub cancelled: bool,
}
