//! Errors of the completion gateway.

use std::fmt;
use std::time::Duration;

use crate::failure::FailureCode;
use crate::string_enum::string_enum;

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
