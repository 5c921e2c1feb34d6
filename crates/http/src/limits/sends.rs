//! The limit of sends: requests that cause a call of the upstream.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use causerie_domain::UserId;
use causerie_domain::principal::Principal;
use governor::clock::{Clock as _, MonotonicClock};

use super::keyed::{KeyedRateLimiter, MINUTE, Remaining};
use crate::bounded_map::evict_when_full;
use crate::error::{Code, Problem, whole_seconds};

/// Name of the policy of sends.
const SENDS: &str = "sends";
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// Time for which a send with an idempotency key is remembered. A repetition within a day does not call the upstream,
/// so it is not counted.
const REMEMBERED_FOR: Duration = Duration::from_secs(60 * 60);

/// Counts sends by user, over all of the user's API keys.
#[derive(Debug)]
pub(crate) struct SendRateLimiter {
    per_minute: Option<NonZeroU32>,
    buckets: KeyedRateLimiter<UserId>,
    remembered: Mutex<HashMap<[u8; 32], Instant>>,
}

impl SendRateLimiter {
    /// Creates a limiter that allows this number of sends per minute and user, unless a group sets another limit; `None`
    /// disables the limit.
    pub(crate) fn new(per_minute: Option<NonZeroU32>) -> Self {
        SendRateLimiter {
            per_minute,
            buckets: KeyedRateLimiter::new(MonotonicClock),
            remembered: Mutex::default(),
        }
    }

    /// Counts a send. `identity` is the hash of a send that can be repeated. Returns `None` if the user has no limit, or if
    /// the send repeats a counted one.
    ///
    /// # Errors
    /// The send exceeds the limit.
    pub(crate) fn count(
        &self,
        principal: &Principal,
        identity: Option<[u8; 32]>,
    ) -> Result<Option<Remaining>, SendRefused> {
        let Some(per_minute) = limit_of(principal, self.per_minute) else { return Ok(None) };
        let now = MonotonicClock.now();
        let is_kept = |at: &_| now.duration_since(*at) < REMEMBERED_FOR;
        if let Some(identity) = &identity
            && self.remembered().get(identity).is_some_and(is_kept)
        {
            return Ok(None);
        }
        let left = self
            .buckets
            .take(principal.user.id, per_minute)
            .map_err(|wait| SendRefused { per_minute, wait })?;
        if let Some(identity) = identity {
            let mut remembered = self.remembered();
            evict_when_full(&mut remembered, |at| *at);
            remembered.insert(identity, now);
        }
        Ok(Some(left))
    }

    /// Checks whether a send would be refused, without counting it.
    ///
    /// # Errors
    /// The send would exceed the limit.
    pub(crate) fn check(&self, principal: &Principal) -> Result<(), SendRefused> {
        let Some(per_minute) = limit_of(principal, self.per_minute) else { return Ok(()) };
        let checked = self.buckets.check(&principal.user.id, per_minute);
        checked.map_err(|wait| SendRefused { per_minute, wait })
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A send beyond the limit.
#[derive(Debug)]
pub(crate) struct SendRefused {
    per_minute: NonZeroU32,
    /// The wait until the next send is accepted.
    pub(crate) wait: Duration,
}

/// Returns the limit of a principal: that of the group to which its key is bound, else the maximum of the user's groups, else
/// `default`.
fn limit_of(principal: &Principal, default: Option<NonZeroU32>) -> Option<NonZeroU32> {
    let bound_to = principal.key_group_id();
    let counts = |group| bound_to.is_none_or(|bound| bound == group);
    let groups = principal.memberships.iter().filter(|membership| counts(membership.group_id));
    groups.filter_map(|membership| membership.requests_per_minute).max().or(default)
}

/// The `RateLimit` header fields of a response (draft-ietf-httpapi-ratelimit-headers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateHeaders {
    policy: &'static str,
    per_minute: NonZeroU32,
    remaining: u32,
    /// Seconds until the quota is full, or after a refusal until the next send.
    reset: u64,
}

impl RateHeaders {
    /// Returns the fields of a request that was counted by a policy.
    pub(crate) fn remaining(policy: &'static str, Remaining { per_minute, remaining }: Remaining) -> Self {
        let missing = per_minute.get().saturating_sub(remaining);
        let reset = whole_seconds(MINUTE * missing / per_minute.get());
        RateHeaders { policy, per_minute, remaining, reset }
    }

    /// Returns the fields of a request that a policy refused.
    pub(crate) fn refused(policy: &'static str, per_minute: NonZeroU32, wait: Duration) -> Self {
        RateHeaders { policy, per_minute, remaining: 0, reset: whole_seconds(wait) }
    }

    /// Adds the fields to a response.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        let name = self.policy;
        let policy = format!("\"{name}\";q={};w={}", self.per_minute, MINUTE.as_secs());
        let limit = format!("\"{name}\";r={};t={}", self.remaining, self.reset);
        insert(headers, [(POLICY, policy), (LIMIT, limit)]);
    }

    /// Adds the fields that clients of OpenAI read.
    pub(crate) fn write_openai(self, headers: &mut HeaderMap) {
        let name = |field| HeaderName::from_static(field);
        insert(
            headers,
            [
                (name("x-ratelimit-limit-requests"), self.per_minute.to_string()),
                (name("x-ratelimit-remaining-requests"), self.remaining.to_string()),
                (name("x-ratelimit-reset-requests"), format!("{}s", self.reset)),
            ],
        );
    }
}

fn insert<const N: usize>(headers: &mut HeaderMap, fields: [(HeaderName, String); N]) {
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

impl From<&SendRefused> for RateHeaders {
    fn from(refused: &SendRefused) -> Self {
        RateHeaders::refused(SENDS, refused.per_minute, refused.wait)
    }
}

impl SendRefused {
    /// Returns the limit that the send exceeds.
    pub(crate) fn per_minute(&self) -> NonZeroU32 {
        self.per_minute
    }
}

impl From<SendRefused> for Problem {
    fn from(refused: SendRefused) -> Self {
        let detail = format!("{} sends a minute are allowed", refused.per_minute());
        Problem::new(Code::RateLimited, detail).retry_after(refused.wait)
    }
}

impl From<Remaining> for RateHeaders {
    fn from(remaining: Remaining) -> Self {
        RateHeaders::remaining(SENDS, remaining)
    }
}

#[cfg(test)]
mod tests {
    use causerie_domain::GroupId;
    use causerie_domain::memberships::{GroupRole, Membership};
    use causerie_domain::principal::Credential;

    use super::*;
    use crate::testing::{key_id, principal};

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    fn group(last: u32) -> GroupId {
        format!("01990000-0000-7000-8000-{last:012}").parse().unwrap()
    }

    #[test]
    fn the_limit_of_a_group_overrides_the_default() {
        let check = |groups: &[Option<u32>], bound_to: Option<u32>, expected: Option<u32>| {
            let mut principal = principal();
            principal.memberships = (0..)
                .zip(groups)
                .map(|(place, rate)| Membership {
                    group_id: group(place),
                    role: GroupRole::Member,
                    requests_per_minute: rate.map(number),
                })
                .collect();
            let group_id = bound_to.map(group);
            principal.credential =
                Credential::ApiKey { id: key_id(), group_id, scopes: Vec::new(), expires_at: None };
            let default = Some(number(60));
            assert_eq!(limit_of(&principal, default), expected.map(number), "{groups:?} {bound_to:?}");
        };
        check(&[], None, Some(60));
        check(&[None], None, Some(60));
        check(&[Some(5)], None, Some(5));
        check(&[Some(5), Some(500), None], None, Some(500));
        check(&[Some(5), Some(500)], Some(0), Some(5));
        check(&[None, Some(500)], Some(0), Some(60));
        assert_eq!(limit_of(&principal(), None), None);
    }

    #[test]
    fn a_repeated_send_is_counted_once() {
        let sends = SendRateLimiter::new(Some(number(2)));
        let principal = principal();
        for expected in [Some(1), None, None] {
            let left = sends.count(&principal, Some([1; 32])).unwrap();
            assert_eq!(left.map(|left| left.remaining), expected);
        }
        assert!(sends.count(&principal, None).is_ok());
        assert!(sends.count(&principal, Some([2; 32])).is_err());
        assert!(sends.count(&principal, Some([1; 32])).is_ok(), "a replay passes an empty bucket");
    }

    #[test]
    fn the_headers_name_the_remaining_sends_and_the_reset() {
        let mut headers = HeaderMap::new();
        RateHeaders::from(Remaining { per_minute: number(60), remaining: 57 }).write(&mut headers);
        assert_eq!(headers.get(POLICY).unwrap(), "\"sends\";q=60;w=60");
        assert_eq!(headers.get(LIMIT).unwrap(), "\"sends\";r=57;t=3");
    }
}
