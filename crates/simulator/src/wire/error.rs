//! Error envelopes and the texts of each status.

use serde_json::{Value, json};

/// Account id beside `error` in most envelopes. It is private, so clients must not forward it.
const USER_ID: &str = "user_simulated00000000000000";

/// Returns `{"error": …, "user_id": …}`.
pub(crate) fn envelope(error: Value) -> Value {
    json!({ "error": error, "user_id": USER_ID })
}

/// Returns an error of the platform in the form of August 2026.
pub(crate) fn error(status: u16, message: &str) -> Value {
    json!({ "code": status, "message": message, "metadata": { "error_type": error_type(status) } })
}

/// Returns an error of a provider: the useful text is in `raw` only.
pub(crate) fn provider_error(status: u16, raw: Value) -> Value {
    json!({
        "code": status,
        "message": "Provider returned error",
        "metadata": { "provider_name": "Simulated Provider", "raw": raw, "error_type": error_type(status) },
    })
}

/// Returns the response to a request without a valid key. The account is unknown, so it has neither account nor metadata.
pub(crate) fn missing_authentication() -> Value {
    json!({ "error": { "message": "Missing Authentication header", "code": 401 } })
}

/// Returns the error message of a status.
pub(crate) fn message(status: u16) -> &'static str {
    match status {
        400 => "The request could not be understood",
        401 => "No auth credentials found",
        402 => "Insufficient credits",
        403 => "The request is not permitted",
        404 => "No endpoints found",
        408 => "The request timed out",
        409 => "The request conflicts with another",
        410 => "This endpoint is gone",
        412 => "A precondition failed",
        413 => "The request is too large",
        422 => "The request could not be processed",
        429 => "Too many requests",
        500 => "Internal Server Error",
        502 => "The provider is down or gave an invalid answer",
        503 => "No provider is available for this model",
        504 => "The provider did not answer in time",
        524 => "A timeout occurred at the edge",
        529 => "The provider is overloaded",
        _ => "Something went wrong",
    }
}

fn error_type(status: u16) -> &'static str {
    match status {
        400 => "invalid_request",
        401 => "authentication",
        402 => "payment_required",
        403 => "permission_denied",
        404 => "not_found",
        408 | 504 | 524 => "timeout",
        412 => "precondition_failed",
        413 => "payload_too_large",
        422 => "unprocessable",
        429 => "rate_limit_exceeded",
        500 => "server",
        502 => "provider_unavailable",
        503 | 529 => "provider_overloaded",
        _ => "unmapped",
    }
}
