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

/// Token buckets by key. If there are too many, those that are full or closest to it are removed: a bucket is reset early
/// only by thousands of keys that have used a larger share of theirs.
pub(crate) struct KeyedRateLimiter<K, C: Clock = MonotonicClock> {
    clock: C,
    buckets: Mutex<HashMap<K, Bucket<C>>>,
}

/// Maximum time for which charged tokens are owed.
const MAX_DEBT: Duration = Duration::from_secs(60 * 60);
/// Number of limits for which the tokens of a key are counted. Beyond it, the oldest one is forgotten.
const MAX_LIMITS: usize = 16;

/// Tokens of one key, counted for each limit that is in use. Each token counts for all of them, so neither a changed
/// limit nor the choice of one resets the count.
struct Bucket<C: Clock> {
    quotas: Vec<KeyedQuota<C>>,
    /// Time at which the bucket is full for each limit, if no further token is taken.
    full_at: C::Instant,
    /// Time until which the bucket is known to be empty.
    empty_until: Option<C::Instant>,
    /// Time until which charged tokens that were not in the bucket are paid back.
    owes_until: Option<C::Instant>,
}

/// Count of the tokens of a key for one limit.
struct KeyedQuota<C: Clock> {
    per_minute: NonZeroU32,
    limiter: Limiter<C>,
    /// Number of tokens that were left after the last one was taken.
    remaining: u32,
    /// Time at which all tokens that were taken are back.
    full_at: C::Instant,
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

    /// Takes a token out of the bucket of a key, which holds `per_minute` tokens. Tokens that were taken with another
    /// limit count.
    ///
    /// # Errors
    /// The bucket is empty: the wait until the next token.
    pub(crate) fn take(&self, key: K, per_minute: NonZeroU32) -> Result<Remaining, Duration> {
        let now = self.clock.now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(&key) {
            // A bucket that is full and owes nothing is the same as a new one.
            evict_when_full(&mut buckets, |bucket| bucket.settled_at());
        }
        let bucket = buckets.entry(key).or_insert_with(|| Bucket::new(now));
        let taken = match bucket.owes_until {
            Some(until) if now < until => Err(until),
            _ => bucket.take(per_minute, &self.clock, now),
        };
        match taken {
            Ok(remaining) => Ok(Remaining { per_minute, remaining }),
            Err(until) => {
                bucket.empty_until = Some(until);
                Err(until.duration_since(now).into())
            }
        }
    }

    /// Takes tokens for something that was allowed before its size was known. Tokens that are not in the bucket are owed:
    /// [`KeyedRateLimiter::take`] fails until they would have been refilled, for at most [`MAX_DEBT`].
    pub(crate) fn charge(&self, key: K, per_minute: NonZeroU32, tokens: u64) {
        let now = self.clock.now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(key).or_insert_with(|| Bucket::new(now));
        let mut owed = tokens;
        while owed > 0 && bucket.take(per_minute, &self.clock, now).is_ok() {
            owed -= 1;
        }
        if owed == 0 {
            return;
        }
        let debt = MINUTE.mul_f64(owed as f64 / f64::from(per_minute.get()));
        let from = bucket.owes_until.map_or(Duration::ZERO, |until| until.duration_since(now).into());
        bucket.owes_until = Some(now + (from + debt).min(MAX_DEBT).into());
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
}

impl<K: Eq + Hash, C: Clock + Clone> KeyedRateLimiter<K, C> {
    /// Returns the error that [`KeyedRateLimiter::take`] would return, without taking a token.
    ///
    /// # Errors
    /// The bucket is empty: the wait until the next token.
    pub(crate) fn check(&self, key: &K, per_minute: NonZeroU32) -> Result<(), Duration> {
        let now = self.clock.now();
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bucket) = buckets.get(key) else { return Ok(()) };
        let wait = match bucket.owes_until {
            Some(until) if now < until => until.duration_since(now).into(),
            _ => bucket.wait(per_minute, now),
        };
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }
}

impl<C: Clock + Clone> Bucket<C> {
    fn new(now: C::Instant) -> Self {
        Bucket { quotas: Vec::new(), full_at: now, empty_until: None, owes_until: None }
    }

    /// Returns the time at which the bucket is full and owes nothing, if no further token is taken.
    fn settled_at(&self) -> C::Instant {
        self.owes_until.map_or(self.full_at, |until| until.max(self.full_at))
    }

    /// Takes a token for one limit, and counts it for the others. Returns the number of tokens that are left.
    ///
    /// # Errors
    /// The time of the next token.
    fn take(&mut self, per_minute: NonZeroU32, clock: &C, now: C::Instant) -> Result<u32, C::Instant> {
        if self.full_at <= now {
            self.quotas.clear();
        }
        let taken = self.take_from_quotas(per_minute, clock);
        let until_full = self.quotas.iter().map(KeyedQuota::time_until_full).max().unwrap_or_default();
        self.full_at = now + until_full.into();
        taken
    }

    /// Returns the time until the next token for a limit, zero if there is one.
    fn wait(&self, per_minute: NonZeroU32, now: C::Instant) -> Duration {
        if self.full_at <= now {
            return Duration::ZERO;
        }
        let known = self.quotas.iter().find(|quota| quota.per_minute == per_minute);
        let missing = match known {
            Some(quota) => quota.missing(now),
            None => {
                let used = self.quotas.iter().map(|quota| quota.used(now)).max().unwrap_or(0);
                token_time(per_minute) * used.min(per_minute.get())
            }
        };
        (missing + token_time(per_minute)).saturating_sub(token_time(per_minute) * per_minute.get())
    }

    fn take_from_quotas(&mut self, per_minute: NonZeroU32, clock: &C) -> Result<u32, C::Instant> {
        let known = self.quotas.iter_mut().find(|quota| quota.per_minute == per_minute);
        let Some(quota) = known else {
            let used = self.quotas.iter_mut().map(KeyedQuota::count).max().unwrap_or(0);
            let mut quota = KeyedQuota::new(per_minute, clock.clone());
            if let Some(earlier) = NonZeroU32::new(used.min(per_minute.get())) {
                let _ = quota.limiter.check_n(earlier);
                quota.add(earlier.get());
            }
            let taken = quota.take();
            if self.quotas.len() >= MAX_LIMITS {
                self.quotas.remove(0);
            }
            self.quotas.push(quota);
            return taken;
        };
        let remaining = quota.take()?;
        for other in self.quotas.iter_mut().filter(|quota| quota.per_minute != per_minute) {
            other.count();
        }
        Ok(remaining)
    }
}

impl<C: Clock> KeyedQuota<C> {
    fn new(per_minute: NonZeroU32, clock: C) -> Self {
        let full_at = clock.now();
        let limiter = RateLimiter::direct_with_clock(Quota::per_minute(per_minute), clock)
            .with_middleware::<StateInformationMiddleware>();
        KeyedQuota { per_minute, limiter, remaining: per_minute.get(), full_at }
    }

    /// Records that tokens were taken.
    fn add(&mut self, tokens: u32) {
        let from = self.full_at.max(self.limiter.clock().now());
        self.full_at = from + (token_time(self.per_minute) * tokens).into();
    }

    /// Returns the time until all tokens are back.
    fn missing(&self, now: C::Instant) -> Duration {
        if self.full_at <= now { Duration::ZERO } else { self.full_at.duration_since(now).into() }
    }

    /// Returns the number of tokens in use.
    fn used(&self, now: C::Instant) -> u32 {
        let tokens = self.missing(now).as_nanos().div_ceil(token_time(self.per_minute).as_nanos().max(1));
        u32::try_from(tokens).unwrap_or(u32::MAX)
    }

    fn take(&mut self) -> Result<u32, C::Instant> {
        let taken = self.limiter.check();
        self.remaining = taken.as_ref().map_or(0, |left| left.remaining_burst_capacity());
        match taken {
            Ok(_) => {
                self.add(1);
                Ok(self.remaining)
            }
            Err(refused) => Err(refused.earliest_possible()),
        }
    }

    /// Returns the time that the tokens taken so far need to come back, at most a minute.
    fn time_until_full(&self) -> Duration {
        MINUTE * self.per_minute.get().saturating_sub(self.remaining) / self.per_minute.get()
    }

    /// Counts a token that was taken with another limit. Returns the number of tokens that were in use before.
    fn count(&mut self) -> u32 {
        let capacity = self.per_minute.get();
        self.take().map_or(capacity, |remaining| capacity.saturating_sub(remaining.saturating_add(1)))
    }
}

/// Returns the time in which a token comes back.
fn token_time(per_minute: NonZeroU32) -> Duration {
    MINUTE / per_minute.get()
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
    fn a_check_foretells_the_next_take_and_takes_nothing() {
        let clock = FakeRelativeClock::default();
        let buckets = KeyedRateLimiter::new(clock.clone());
        let limits = [7, 6, 7, 500, 6].map(number);
        for step in 0..400_usize {
            let limit = limits[step * step % 5];
            let foretold = buckets.check(&"ada", limit);
            assert_eq!(foretold, buckets.check(&"ada", limit));
            let taken = buckets.take("ada", limit);
            assert_eq!(foretold.is_ok(), taken.is_ok(), "{step} {limit} {foretold:?} {taken:?}");
            clock.advance(Duration::from_millis((step as u64 * 7919) % 9000));
        }
        assert_eq!(buckets.check(&"bob", number(1)), Ok(()));
        buckets.take("bob", number(1)).unwrap();
        assert_eq!(buckets.check(&"bob", number(1)), Err(MINUTE));
        buckets.charge("bob", number(1), 2);
        assert_eq!(buckets.check(&"bob", number(1)), Err(2 * MINUTE));
    }

    #[test]
    fn charged_tokens_are_owed() {
        let clock = FakeRelativeClock::default();
        let buckets = KeyedRateLimiter::new(clock.clone());
        buckets.charge("ada", number(60), 50);
        assert_eq!(buckets.take("ada", number(60)).map(|left| left.remaining), Ok(9));
        buckets.charge("ada", number(60), 9 + 100);
        assert_eq!(buckets.take("ada", number(60)), Err(Duration::from_secs(100)));
        assert!(buckets.take("bob", number(60)).is_ok());
        clock.advance(Duration::from_secs(99));
        assert!(buckets.take("ada", number(60)).is_err());
        clock.advance(Duration::from_secs(1));
        assert!(buckets.take("ada", number(60)).is_ok());
        buckets.charge("ada", number(60), u64::from(u32::MAX));
        assert_eq!(buckets.take("ada", number(60)), Err(MAX_DEBT));
    }

    #[test]
    fn a_changed_limit_keeps_the_count() {
        let buckets = KeyedRateLimiter::new(FakeRelativeClock::default());
        assert!(buckets.take("ada", number(1)).is_ok());
        assert!(buckets.take("ada", number(1)).is_err());
        assert_eq!(buckets.take("ada", number(3)).map(|left| left.remaining), Ok(1));
        assert_eq!(buckets.take("ada", number(3)).map(|left| left.remaining), Ok(0));
        assert!(buckets.take("ada", number(2)).is_err());
        assert!(buckets.take("ada", number(1)).is_err());
    }

    #[test]
    fn alternating_limits_allow_no_more_than_the_higher_one() {
        let clock = FakeRelativeClock::default();
        let buckets = KeyedRateLimiter::new(clock.clone());
        let limits = [5, 6, 5, 7].map(number);
        let accepted = (0..120).filter(|turn| buckets.take("ada", limits[turn % 4]).is_ok()).count();
        assert!(accepted <= 7, "{accepted}");
        // While the higher limit is in use, its tokens leave none for the lower one.
        let mut low = 0;
        for turn in 0..600 {
            clock.advance(Duration::from_millis(100));
            let _ = buckets.take("bob", number(500));
            low += usize::from(turn > 60 && buckets.take("bob", number(5)).is_ok());
        }
        assert!(low <= 5, "{low}");
    }

    #[test]
    fn the_number_of_limits_of_a_key_is_bounded() {
        let buckets = KeyedRateLimiter::new(FakeRelativeClock::default());
        let accepted = (1..200).filter(|limit| buckets.take("ada", number(200 - limit)).is_ok()).count();
        assert!(accepted <= 101, "{accepted}");
        assert!(buckets.buckets.lock().unwrap()["ada"].quotas.len() <= MAX_LIMITS);
    }

    #[test]
    fn the_number_of_buckets_is_bounded() {
        let buckets = KeyedRateLimiter::new(FakeRelativeClock::default());
        for key in 0..30_000 {
            let _ = buckets.take(key, number(1));
        }
        assert!(buckets.buckets.lock().unwrap().len() <= 10_000);
    }

    #[test]
    fn other_keys_do_not_reset_an_empty_bucket() {
        let clock = FakeRelativeClock::default();
        let buckets = KeyedRateLimiter::new(clock.clone());
        for _ in 0..5 {
            assert!(buckets.take(0, number(5)).is_ok());
        }
        for key in 1..50_000 {
            assert!(buckets.take(key, number(5)).is_ok());
        }
        assert!(buckets.take(0, number(5)).is_err());
        // The other keys are full again after a fifth of the minute, and leave first.
        clock.advance(Duration::from_secs(13));
        assert!(buckets.take(0, number(5)).is_ok());
        for key in 50_000..100_000 {
            assert!(buckets.take(key, number(5)).is_ok());
        }
        assert!(buckets.take(0, number(5)).is_err());
        clock.advance(MINUTE);
        assert!(buckets.take(100_000, number(5)).is_ok());
        assert_eq!(buckets.take(0, number(5)).map(|left| left.remaining), Ok(4));
    }
}
