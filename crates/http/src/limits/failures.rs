//! The limit of failed authentications from a client address.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::MonotonicClock;

use super::keyed::KeyedRateLimiter;
use crate::error::{Code, Problem};

/// Counts failed authentications by client address. Beyond the limit, further failures are answered with
/// `rate_limited`, and credentials from the address are looked up with few permits. Valid credentials stay valid.
#[derive(Debug)]
pub(crate) struct FailureRateLimiter {
    per_minute: Option<NonZeroU32>,
    buckets: KeyedRateLimiter<IpAddr>,
}

impl FailureRateLimiter {
    /// Creates a limiter that allows this number of failures per minute and address; `None` disables the limit.
    pub(crate) fn new(per_minute: Option<NonZeroU32>) -> Self {
        FailureRateLimiter { per_minute, buckets: KeyedRateLimiter::new(MonotonicClock) }
    }

    /// Checks whether an address is within the limit.
    ///
    /// # Errors
    /// `rate_limited`
    pub(crate) fn check(&self, from: IpAddr) -> Result<(), Problem> {
        self.buckets.peek(&from).map_err(limited)
    }

    /// Counts a failure.
    ///
    /// # Errors
    /// `rate_limited`, if the failure exceeds the limit.
    pub(crate) fn record(&self, from: IpAddr) -> Result<(), Problem> {
        match self.per_minute {
            Some(per_minute) => self.buckets.take(from, per_minute).map(|_| ()).map_err(limited),
            None => Ok(()),
        }
    }
}

fn limited(wait: Duration) -> Problem {
    Problem::new(Code::RateLimited, "too many failed authentications from this address").retry_after(wait)
}
