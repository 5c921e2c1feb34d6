//! Estimates for requests whose usage the upstream has not reported.

use std::time::Duration;

use causerie_domain::messages::Part;
use causerie_usage::{CharsPerToken, estimate_tokens};

/// A generation record is not there at once: the first look-up comes this much after the end.
pub(crate) const FIRST_LOOKUP: Duration = Duration::from_secs(1);

/// Our own count of what arrived.
pub(crate) fn estimated_output(parts: &[Part], ratio: CharsPerToken) -> u64 {
    parts.iter().map(|part| estimate_tokens(&part.text, ratio)).sum()
}
