//! The limit of creations: requests that add rows, apart from sends.

use std::num::NonZeroU32;
use std::time::Duration;

use causerie_domain::UserId;
use causerie_domain::principal::Principal;
use governor::clock::MonotonicClock;

use super::keyed::{KeyedRateLimiter, Remaining};

/// Size that counts as one more creation, in bytes.
const BYTES_PER_CREATION: u64 = 64 * 1024;

/// Counts creations by user, over all of the user's API keys.
#[derive(Debug)]
pub(crate) struct CreationRateLimiter {
    per_minute: Option<NonZeroU32>,
    buckets: KeyedRateLimiter<UserId>,
}

/// A creation beyond the limit.
#[derive(Debug)]
pub(crate) struct CreationRefused {
    pub(crate) per_minute: NonZeroU32,
    /// The wait until the next creation is accepted.
    pub(crate) wait: Duration,
}

impl CreationRateLimiter {
    /// Creates a limiter that allows this number of creations per minute and user; `None` disables the limit.
    pub(crate) fn new(per_minute: Option<NonZeroU32>) -> Self {
        CreationRateLimiter { per_minute, buckets: KeyedRateLimiter::new(MonotonicClock) }
    }

    /// Counts a creation. Returns `None` without a limit.
    ///
    /// # Errors
    /// The creation exceeds the limit.
    pub(crate) fn count(&self, principal: &Principal) -> Result<Option<Remaining>, CreationRefused> {
        let Some(per_minute) = self.per_minute else { return Ok(None) };
        let taken = self.buckets.take(principal.user.id, per_minute);
        taken.map(Some).map_err(|wait| CreationRefused { per_minute, wait })
    }

    /// Counts the size of something that was created: each 64 KiB are one more creation.
    pub(crate) fn charge(&self, principal: &Principal, bytes: u64) {
        if let Some(per_minute) = self.per_minute {
            self.buckets.charge(principal.user.id, per_minute, bytes / BYTES_PER_CREATION);
        }
    }
}
