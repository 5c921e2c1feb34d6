//! Input tokens that the provider is expected to read from its cache.

use causerie_domain::Timestamp;
use causerie_domain::messages::{MessageRole, MessageView};
use causerie_domain::models::Pricing;
use causerie_domain::turns::{ContextReport, HistoryTrim};

use crate::context::{self, CACHE_TIME, ContextInput, is_cached_cheaper, kept_without_breakpoints};

/// Model and time of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct CacheUse<'a> {
    pub(super) model: &'a str,
    /// Prices in the catalog.
    pub(super) prices: Option<&'a Pricing>,
    pub(super) now: Timestamp,
}

/// Returns the tokens of the longest beginning that the request has in common with the last answered request of the
/// session, if the provider still has it in its cache.
pub(super) fn expected_cached_tokens(
    input: &ContextInput,
    report: &ContextReport,
    cache: CacheUse<'_>,
) -> u64 {
    let Some(prices) = cache.prices.filter(|prices| is_cached_cheaper(prices)) else { return 0 };
    let Some(last) = last_answer(input, cache.now) else { return 0 };
    let system = context::beginning_tokens(input, 0, 0);
    let common = match report.first_seq.filter(|_| !report.is_cut) {
        Some(first_seq) => context::beginning_tokens(input, first_seq, last.message.seq),
        None => system,
    };
    match (context::min_cached_tokens(cache.model, prices), input.min_cached_tokens) {
        (None, _) => kept_without_breakpoints(common),
        (Some(_), None) => 0,
        // A sliding window that has begun to move has a mark at the system message only.
        (Some(_), Some(min)) => {
            let moves = input.trim == HistoryTrim::Sliding && report.messages_dropped > 0;
            [if moves { system } else { common }, system]
                .into_iter()
                .find(|tokens| *tokens >= min)
                .unwrap_or(0)
        }
    }
}

/// Returns the last answer of the requested model whose request can still be in the cache.
fn last_answer(input: &ContextInput, now: Timestamp) -> Option<&MessageView> {
    let answered = |view: &&MessageView| {
        let usage = view.usage.as_ref();
        view.message.role == MessageRole::Assistant
            && usage.and_then(|usage| usage.tokens.input).is_some_and(|tokens| tokens > 0)
    };
    let last = input.history.iter().rfind(answered)?;
    let usage = last.usage.as_ref()?;
    let is_same_model = input.replayed_models.contains(&usage.model);
    (is_same_model && now.since(last.message.created_at) < CACHE_TIME).then_some(last)
}
