//! Estimates for requests whose usage the upstream has not reported.

use std::time::Duration;

use causerie_domain::messages::{Part, PartKind};
use causerie_usage::{CharsPerToken, estimate_tokens};

/// Delay of the first look-up after the end of a request: the upstream creates generation records with a delay.
pub(crate) const FIRST_LOOKUP_DELAY: Duration = Duration::from_secs(1);

/// Returns the estimated token count of the received text. Files are not counted: their tokens are unknown.
pub(crate) fn estimated_output(parts: &[Part], ratio: CharsPerToken) -> u64 {
    let texts = parts.iter().filter(|part| part.kind != PartKind::File);
    texts.map(|part| estimate_tokens(&part.text, ratio)).sum()
}
