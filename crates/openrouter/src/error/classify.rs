//! What an error means: its words first, then what stands beside them, then its status, then its sentences.

use causerie_domain::completion::CompletionErrorKind;

use super::context;
use super::said::Said;
use super::vocabulary;

/// The kind of an error. `status` is absent where an error came inside an answer and named no code.
pub(crate) fn kind(status: Option<u16>, said: &Said) -> CompletionErrorKind {
    if said.flagged {
        return CompletionErrorKind::Moderated;
    }
    let by_word = said.words.iter().find_map(|word| vocabulary::kind(word));
    let by_availability =
        || said.availability.as_ref().map(|found| vocabulary::availability(&found.code, status));
    let kind = by_word.or_else(by_availability).unwrap_or_else(|| by_status(status, said));
    refine(kind, said)
}

/// Whether another try of the same request may succeed.
pub(crate) fn is_retryable(kind: &CompletionErrorKind, status: Option<u16>, said: &Said) -> bool {
    let said_so = said.availability.as_ref().and_then(|availability| availability.retryable);
    match kind {
        // No word of the upstream makes waiting seconds help here.
        CompletionErrorKind::DailyLimit => false,
        // A redirect leads there again.
        CompletionErrorKind::InvalidResponse if status.is_some_and(|status| status < 400) => false,
        kind => said_so.unwrap_or(kind.is_retryable()),
    }
}

fn by_status(status: Option<u16>, said: &Said) -> CompletionErrorKind {
    match status {
        Some(401) => CompletionErrorKind::Authentication,
        Some(402) => CompletionErrorKind::PaymentRequired,
        Some(403) => forbidden(said),
        Some(404 | 410) => CompletionErrorKind::ModelUnavailable,
        Some(408) => CompletionErrorKind::Unavailable,
        Some(429) => CompletionErrorKind::RateLimited,
        Some(400..500) => CompletionErrorKind::InvalidRequest,
        // Redirects are not followed, for they would carry the key to another host.
        Some(..400) => CompletionErrorKind::InvalidResponse,
        Some(500..) | None => CompletionErrorKind::Unavailable,
    }
}

/// A 403 is moderation, a guardrail, a provider that refuses to serve, or a key without permission.
fn forbidden(said: &Said) -> CompletionErrorKind {
    let sentences = said.sentences();
    let speaks_of_content = [
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
    .any(|word| sentences.contains(word));
    if speaks_of_content {
        CompletionErrorKind::Moderated
    } else if !said.raw.is_empty() {
        CompletionErrorKind::ModelUnavailable
    } else {
        CompletionErrorKind::Authentication
    }
}

/// Tells apart what shares a word or a status and differs only in its sentence.
fn refine(kind: CompletionErrorKind, said: &Said) -> CompletionErrorKind {
    let sentences = said.sentences();
    match kind {
        CompletionErrorKind::RateLimited if names_a_day(&sentences) => CompletionErrorKind::DailyLimit,
        CompletionErrorKind::ContextLength { .. } => context::lengths(&sentences),
        CompletionErrorKind::InvalidRequest if context::is_too_long(&sentences) => {
            context::lengths(&sentences)
        }
        CompletionErrorKind::InvalidRequest if sentences.contains("not a valid model") => {
            CompletionErrorKind::ModelUnavailable
        }
        kind => kind,
    }
}

/// Whether sentences name a limit for the day. Those of the limit for the minute may mention the day's in passing.
fn names_a_day(sentences: &str) -> bool {
    let names = |words: &[&str]| words.iter().any(|word| sentences.contains(word));
    names(&["per-day", "per day", "per_day", "perday", "daily"]) && !names(&["per-min", "per_min"])
}
