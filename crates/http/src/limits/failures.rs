//! Failed authentications from an address.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::MonotonicClock;

use super::buckets::Buckets;
use crate::error::{Code, Problem};

/// Counts wrong credentials. Once there were too many from an address, credentials from there are not looked up for
/// a while; those that were found in force a moment ago need no look-up and are not held up.
#[derive(Debug)]
pub(crate) struct Failures {
    per_minute: Option<NonZeroU32>,
    buckets: Buckets<IpAddr>,
}

impl Failures {
    /// So many failures in a minute are borne, or any number.
    pub(crate) fn new(per_minute: Option<NonZeroU32>) -> Self {
        Failures { per_minute, buckets: Buckets::new(MonotonicClock) }
    }

    /// Whether a credential from there is looked at.
    ///
    /// # Errors
    /// `rate_limited`
    pub(crate) fn admit(&self, from: IpAddr) -> Result<(), Problem> {
        self.buckets.look(&from).map_err(limited)
    }

    /// Notes a failure.
    ///
    /// # Errors
    /// `rate_limited`, where it was one too many.
    pub(crate) fn note(&self, from: IpAddr) -> Result<(), Problem> {
        match self.per_minute {
            Some(per_minute) => self.buckets.take(from, per_minute).map(|_| ()).map_err(limited),
            None => Ok(()),
        }
    }
}

fn limited(wait: Duration) -> Problem {
    Problem::new(Code::RateLimited, "too many failed authentications from this address").retry_after(wait)
}
