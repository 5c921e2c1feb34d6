//! Classifies an error: by its codes, then by the fields beside them, then by its status, then by its texts.

use causerie_domain::completion::CompletionErrorKind;

use super::codes;
use super::context_length;
use super::error_body::ErrorBody;

/// Returns the kind of an error. `status` is `None` for an error inside a response that has no numeric code.
pub(super) fn kind(status: Option<u16>, body: &ErrorBody) -> CompletionErrorKind {
    if body.flagged {
        return CompletionErrorKind::Moderated;
    }
    let by_code = body.codes.iter().find_map(|code| codes::kind(code));
    let by_availability =
        || body.availability.as_ref().map(|found| codes::availability_kind(&found.code, status));
    let kind = by_code.or_else(by_availability).unwrap_or_else(|| by_status(status, body));
    refine(kind, body)
}

/// Returns whether a retry of the same request may succeed.
pub(super) fn is_retryable(kind: &CompletionErrorKind, status: Option<u16>, body: &ErrorBody) -> bool {
    let stated = body.availability.as_ref().and_then(|availability| availability.retryable);
    match kind {
        // The upstream may state that a retry helps, but not within seconds.
        CompletionErrorKind::DailyLimit => false,
        // A retry would get the same redirect or the same missing route.
        CompletionErrorKind::InvalidResponse
            if status.is_some_and(|status| status < 400 || is_missing(status)) =>
        {
            false
        }
        kind => stated.unwrap_or(kind.is_retryable()),
    }
}

/// Returns whether a status means that the resource does not exist.
pub(super) fn is_missing(status: u16) -> bool {
    matches!(status, 404 | 410)
}

fn by_status(status: Option<u16>, body: &ErrorBody) -> CompletionErrorKind {
    match status {
        Some(401) => CompletionErrorKind::Authentication,
        Some(402) => CompletionErrorKind::PaymentRequired,
        Some(403) => by_forbidden(body),
        // Without an error object, the route is missing and not the model.
        Some(404 | 410) if !body.is_error_object => CompletionErrorKind::InvalidResponse,
        Some(404 | 410) => CompletionErrorKind::ModelUnavailable,
        Some(408) => CompletionErrorKind::Unavailable,
        Some(429) => CompletionErrorKind::RateLimited,
        Some(400..500) => CompletionErrorKind::InvalidRequest,
        // Redirects are not followed, because they would carry the key to another host.
        Some(..400) => CompletionErrorKind::InvalidResponse,
        Some(500..) | None => CompletionErrorKind::Unavailable,
    }
}

/// Classifies a 403: moderation or a guardrail, a provider that does not serve the request, or a key without
/// permission.
fn by_forbidden(body: &ErrorBody) -> CompletionErrorKind {
    let text = body.search_text();
    let is_about_content = [
        "moderat",
        "flagged",
        "policy",
        "policies",
        "guideline",
        "safety",
        "guardrail",
        "injection",
        "blocked",
    ]
    .iter()
    .any(|word| text.contains(word));
    if is_about_content {
        CompletionErrorKind::Moderated
    } else if !body.raw.is_empty() {
        CompletionErrorKind::ModelUnavailable
    } else {
        CompletionErrorKind::Authentication
    }
}

/// Distinguishes errors that share a code or a status and differ only in their texts.
fn refine(kind: CompletionErrorKind, body: &ErrorBody) -> CompletionErrorKind {
    let text = body.search_text();
    match kind {
        CompletionErrorKind::RateLimited if is_daily(&text) => CompletionErrorKind::DailyLimit,
        CompletionErrorKind::ContextLength { .. } => context_length::parse(&text),
        CompletionErrorKind::InvalidRequest if context_length::is_mentioned(&text) => {
            context_length::parse(&text)
        }
        // The model is served, but by no endpoint that takes the images or files of the request.
        CompletionErrorKind::ModelUnavailable
            if text.contains("found that support") && text.contains(" input") =>
        {
            CompletionErrorKind::InvalidRequest
        }
        CompletionErrorKind::InvalidRequest if text.contains("not a valid model") => {
            CompletionErrorKind::ModelUnavailable
        }
        kind => kind,
    }
}

/// Returns whether a text names a daily limit. Texts about the limit per minute may mention the daily one in passing.
fn is_daily(text: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    has(&["per-day", "per day", "per_day", "perday", "daily"]) && !has(&["per-min", "per_min"])
}
