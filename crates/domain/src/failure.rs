//! Failure codes of turns. Clients match on them.

use crate::string_enum::string_enum;

string_enum! {
    /// Reason of the failure of a turn. `docs/errors.md` lists meanings and statuses.
    FailureCode, "failure code", {
        /// The rate limit of the upstream was exceeded, and retries did not help.
        UpstreamRateLimited = "upstream_rate_limited",
        /// The rate limiter or circuit breaker in front of the upstream refused the request.
        UpstreamBusy = "upstream_busy",
        /// The upstream is down or responds with server errors.
        UpstreamUnavailable = "upstream_unavailable",
        /// No endpoint serves the model.
        ModelUnavailable = "model_unavailable",
        /// A timeout expired; the detail names it.
        UpstreamTimeout = "upstream_timeout",
        /// The messages exceed the context length of the model.
        ContextLengthExceeded = "context_length_exceeded",
        /// The upstream refused the content.
        ContentModerated = "content_moderated",
        /// The upstream rejects the request as invalid.
        UpstreamInvalidRequest = "upstream_invalid_request",
        /// The response of the upstream cannot be decoded.
        UpstreamInvalidResponse = "upstream_invalid_response",
        /// The response ended without its end marker.
        UpstreamInterrupted = "upstream_interrupted",
        /// The model returned an empty answer twice.
        EmptyResponse = "empty_response",
        /// The upstream rejects the API key of the server.
        UpstreamAuthentication = "upstream_authentication",
        /// The account at the upstream has not enough credit.
        UpstreamPaymentRequired = "upstream_payment_required",
        /// Internal error.
        Internal = "internal",
    }
}

impl FailureCode {
    /// Returns whether the same message usually may succeed when it is sent again later. The single failure has its own
    /// value: [`TurnFailure::retryable`](crate::turns::TurnFailure::retryable).
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            FailureCode::UpstreamRateLimited
                | FailureCode::UpstreamBusy
                | FailureCode::UpstreamUnavailable
                | FailureCode::ModelUnavailable
                | FailureCode::UpstreamTimeout
                | FailureCode::UpstreamInvalidResponse
                | FailureCode::UpstreamInterrupted
                | FailureCode::EmptyResponse
                | FailureCode::Internal
        )
    }
}
