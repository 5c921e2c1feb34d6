//! Known error codes: the upstream's stable `error_type`s, its availability codes, and the values of `code` and `type`
//! in the APIs that other gateways imitate.

use causerie_domain::completion::CompletionErrorKind::{self, *};

/// Returns the kind of an error code; `None` for codes that are unknown or add nothing to their status.
pub(super) fn kind(code: &str) -> Option<CompletionErrorKind> {
    Some(match code {
        "context_length_exceeded" | "string_too_long" | "exceed_context_size_error" => {
            ContextLength { limit: None, requested: None }
        }
        "authentication" | "authentication_error" | "invalid_api_key" => Authentication,
        // `token_limit_exceeded`: the account's credit limits the tokens of a request.
        "payment_required" | "billing_error" | "insufficient_quota" | "token_limit_exceeded" => {
            PaymentRequired
        }
        "rate_limit_exceeded" | "rate_limit_error" | "rate_limited" => RateLimited,
        "provider_overloaded"
        | "provider_unavailable"
        | "server"
        | "timeout"
        | "server_error"
        | "api_error"
        | "overloaded_error"
        | "timeout_error"
        | "internal_server_error"
        | "service_unavailable" => Unavailable,
        "invalid_request"
        | "invalid_prompt"
        | "max_tokens_exceeded"
        | "precondition_failed"
        | "payload_too_large"
        | "unprocessable"
        | "invalid_image"
        | "image_too_large"
        | "image_too_small"
        | "unsupported_image_format"
        | "image_not_found"
        | "image_download_failed"
        | "request_too_large" => InvalidRequest,
        "not_found" | "not_found_error" | "model_not_found" => ModelUnavailable,
        "content_policy_violation" | "refusal" | "content_filter" | "image_content_policy_violation" => {
            Moderated
        }
        _ => return None,
    })
}

/// Returns the kind of an availability code under a status. An unknown code means that the model is not available.
pub(super) fn availability_kind(code: &str, status: Option<u16>) -> CompletionErrorKind {
    match (code, status) {
        ("capacity_exhausted", Some(429)) => RateLimited,
        ("capacity_exhausted" | "temporarily_unavailable", _) => Unavailable,
        _ => ModelUnavailable,
    }
}
