//! The codes a failed turn can have: stable words that clients match on.

use crate::string_enum::string_enum;

string_enum! {
    /// Why a turn failed. `docs/api-design.md` has the table with meanings and statuses.
    FailureCode, "failure code", {
        /// The upstream refused for its rate limit, and retrying did not help.
        UpstreamRateLimited = "upstream_rate_limited",
        /// Our own limiter or breaker in front of the upstream had no place.
        UpstreamBusy = "upstream_busy",
        /// The upstream is down or answers with server errors.
        UpstreamUnavailable = "upstream_unavailable",
        /// No endpoint serves the model.
        ModelUnavailable = "model_unavailable",
        /// A clock ran out; the detail names it.
        UpstreamTimeout = "upstream_timeout",
        /// The messages do not fit the model's context.
        ContextLengthExceeded = "context_length_exceeded",
        /// The upstream refused the content.
        ContentModerated = "content_moderated",
        /// The upstream says that we asked wrongly.
        UpstreamInvalidRequest = "upstream_invalid_request",
        /// The upstream's answer cannot be understood.
        UpstreamInvalidResponse = "upstream_invalid_response",
        /// The answer was cut without an end.
        UpstreamInterrupted = "upstream_interrupted",
        /// The model answered nothing, twice.
        EmptyResponse = "empty_response",
        /// The upstream refuses our key.
        UpstreamAuthentication = "upstream_authentication",
        /// The upstream account has no credit.
        UpstreamPaymentRequired = "upstream_payment_required",
        /// A fault of ours.
        Internal = "internal",
    }
}

impl FailureCode {
    /// Whether the same message may succeed when it is sent again later, unchanged.
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
