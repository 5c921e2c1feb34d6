//! The words for errors: the upstream's stable `error_type`s, the availability codes, and what the APIs that other
//! gateways imitate say in `code` and `type`.

use causerie_domain::completion::CompletionErrorKind::{self, *};

/// What a word means; `None` for words that are unknown, or that mean no more than their status does.
pub(crate) fn kind(word: &str) -> Option<CompletionErrorKind> {
    Some(match word {
        "context_length_exceeded" | "string_too_long" | "exceed_context_size_error" => {
            ContextLength { limit: None, requested: None }
        }
        "authentication" | "authentication_error" | "invalid_api_key" => Authentication,
        // A cap that the account's credit puts on tokens.
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

/// What an availability code means under a status; an unknown one is a model that cannot be had.
pub(crate) fn availability(code: &str, status: Option<u16>) -> CompletionErrorKind {
    match (code, status) {
        ("capacity_exhausted", Some(429)) => RateLimited,
        ("capacity_exhausted" | "temporarily_unavailable", _) => Unavailable,
        _ => ModelUnavailable,
    }
}
