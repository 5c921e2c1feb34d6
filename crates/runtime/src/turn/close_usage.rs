//! Closes the ledger row of an attempt.

use causerie_domain::Timestamp;
use causerie_domain::completion::{CompletionEnd, CompletionError};
use causerie_domain::messages::Part;
use causerie_domain::usage::{CloseUsage, UsageOutcome};
use causerie_usage::{EstimatedTokens, RequestEnd, settle};

use super::attempt::Attempt;
use crate::usage::estimates::{FIRST_LOOKUP_DELAY, estimated_output};

/// Returns the closed row of an attempt, with the reported or estimated tokens and cost.
pub(crate) fn close_usage(
    attempt: &Attempt,
    outcome: UsageOutcome,
    end: Option<&CompletionEnd>,
    parts: &[Part],
    now: Timestamp,
) -> CloseUsage {
    let error = end.and_then(|end| end.outcome.as_ref().err());
    let settled = settle(&RequestEnd {
        outcome,
        refused: error.is_some_and(CompletionError::is_refusal),
        reported: end.and_then(|end| end.usage.as_ref()),
        generation_known: attempt.progress.generation_id.is_some(),
        estimated: EstimatedTokens {
            input: attempt.usage.estimated_input_tokens,
            output: estimated_output(parts, attempt.ratio),
        },
        prices: attempt.progress.prices.as_ref().or(attempt.usage.prices.as_ref()),
        sent_at: attempt.usage.created_at,
    });
    CloseUsage {
        id: attempt.usage.id,
        outcome,
        failure: error.map(CompletionError::failure_code),
        progress: attempt.progress.clone(),
        tokens: settled.tokens,
        settlement: settled.settlement,
        duration: attempt.duration(),
        closed_at: now,
        cache_miss: None,
        next_lookup_at: settled.lookup_due.then(|| now + FIRST_LOOKUP_DELAY),
    }
}
