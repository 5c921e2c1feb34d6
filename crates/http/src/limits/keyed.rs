//! A rate limiter with one token bucket for each key, refilled evenly over a minute.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::bounded_map::evict_when_full;

/// The window of all quotas.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

type Limiter<C> = RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>;

/// Token buckets by key. If the maximum number of buckets is exceeded, all buckets are reset.
pub(crate) struct KeyedRateLimiter<K, C: Clock = MonotonicClock> {
    clock: C,
    buckets: Mutex<HashMap<K, Bucket<C>>>,
}

struct Bucket<C: Clock> {
    per_minute: NonZeroU32,
    limiter: Limiter<C>,
    last_used: C::Instant,
    /// Time until which the bucket is known to be empty.
    empty_until: Option<C::Instant>,
}

/// The state of a bucket after a token was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remaining {
    /// Capacity of the bucket, and number of tokens that are refilled in a minute.
    pub(crate) per_minute: NonZeroU32,
    pub(crate) remaining: u32,
}

impl<K, C: Clock> fmt::Debug for KeyedRateLimiter<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimiter").finish_non_exhaustive()
    }
}

impl<K: Eq + Hash, C: Clock + Clone> KeyedRateLimiter<K, C> {
    pub(crate) fn new(clock: C) -> Self {
        KeyedRateLimiter { clock, buckets: Mutex::default() }
    }

    /// Takes a token out of the bucket of a key. A change of `per_minute` replaces the bucket by a full one.
    ///
    /// # Errors
    /// The bucket is empty: the wait until the next token.
    pub(crate) fn take(&self, key: K, per_minute: NonZeroU32) -> Result<Remaining, Duration> {
        let now = self.clock.now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(&key) {
            // A bucket that is unused for a minute is full, so removing it changes nothing.
            evict_when_full(&mut buckets, |bucket| {
                Duration::from(now.duration_since(bucket.last_used)) < MINUTE
            });
        }
        let bucket = buckets.entry(key).or_insert_with(|| self.bucket(per_minute, now));
        if bucket.per_minute != per_minute {
            *bucket = self.bucket(per_minute, now);
        }
        bucket.last_used = now;
        match bucket.limiter.check() {
            Ok(left) => Ok(Remaining { per_minute, remaining: left.remaining_burst_capacity() }),
            Err(refused) => {
                bucket.empty_until = Some(refused.earliest_possible());
                Err(refused.wait_time_from(now))
            }
        }
    }

    /// Checks whether a bucket was found empty and still is, without taking a token.
    ///
    /// # Errors
    /// The bucket is empty: the wait until the next token.
    pub(crate) fn peek(&self, key: &K) -> Result<(), Duration> {
        let now = self.clock.now();
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        match buckets.get(key).and_then(|bucket| bucket.empty_until) {
            Some(until) if now < until => Err(until.duration_since(now).into()),
            _ => Ok(()),
        }
    }

    fn bucket(&self, per_minute: NonZeroU32, now: C::Instant) -> Bucket<C> {
        let limiter = RateLimiter::direct_with_clock(Quota::per_minute(per_minute), self.clock.clone())
            .with_middleware::<StateInformationMiddleware>();
        Bucket { per_minute, limiter, last_used: now, empty_until: None }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn a_full_bucket_holds_a_minutes_quota_and_refills_evenly() {
        let clock = FakeRelativeClock::default();
        let buckets = KeyedRateLimiter::new(clock.clone());
        for remaining in (0..6).rev() {
            assert_eq!(buckets.take("ada", number(6)), Ok(Remaining { per_minute: number(6), remaining }));
        }
        assert_eq!(buckets.peek(&"ada"), Ok(()), "no take was refused yet");
        assert_eq!(buckets.take("ada", number(6)), Err(Duration::from_secs(10)));
        assert_eq!(buckets.peek(&"ada"), Err(Duration::from_secs(10)));
        assert!(buckets.take("bob", number(6)).is_ok(), "each key has its own bucket");
        clock.advance(Duration::from_secs(10));
        assert_eq!(buckets.peek(&"ada"), Ok(()));
        assert!(buckets.take("ada", number(6)).is_ok());
        assert_eq!(buckets.take("ada", number(6)), Err(Duration::from_secs(10)));
    }

    #[test]
    fn a_changed_limit_starts_a_full_bucket() {
        let buckets = KeyedRateLimiter::new(FakeRelativeClock::default());
        assert!(buckets.take("ada", number(1)).is_ok());
        assert!(buckets.take("ada", number(1)).is_err());
        assert_eq!(buckets.take("ada", number(3)).map(|left| left.remaining), Ok(2));
    }

    #[test]
    fn the_number_of_buckets_is_bounded() {
        let buckets = KeyedRateLimiter::new(FakeRelativeClock::default());
        for key in 0..30_000 {
            let _ = buckets.take(key, number(1));
        }
        assert!(buckets.buckets.lock().unwrap().len() <= 10_000);
    }
}
