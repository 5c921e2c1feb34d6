//! Tokens that providers keep in their prompt caches.

use std::time::Duration;

use causerie_domain::models::Pricing;

/// Time after a request for which providers keep its beginning.
pub(crate) const CACHE_TIME: Duration = Duration::from_secs(5 * 60);
/// Minimum tokens of a beginning that models without breakpoints cache.
const MIN_TOKENS: u64 = 1024;
/// Step in which models without breakpoints cache, in tokens.
const STEP_TOKENS: u64 = 128;

/// Returns whether the catalog lists a lower price for cached input.
pub(crate) fn is_cached_cheaper(prices: &Pricing) -> bool {
    matches!((prices.cache_read, prices.prompt), (Some(cached), Some(prompt)) if cached < prompt)
}

/// Returns how many tokens of a beginning a model without breakpoints keeps.
pub(crate) fn kept_without_breakpoints(tokens: u64) -> u64 {
    if tokens >= MIN_TOKENS { tokens - tokens % STEP_TOKENS } else { 0 }
}
