//! Sends of a principal: whatever makes this server ask the upstream.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest};
use causerie_domain::UserId;
use causerie_domain::principal::Principal;
use governor::clock::{Clock as _, MonotonicClock};
use sha2::{Digest as _, Sha256};

use super::buckets::{Buckets, Left, MINUTE};
use crate::auth::{Caller, make_room};
use crate::error::{Code, Problem, whole_seconds};
use crate::state::AppState;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// How long a keyed send is remembered. It is not sent upstream a second time within a day, so that repeating it
/// costs nobody anything.
const REMEMBERED_FOR: Duration = Duration::from_secs(60 * 60);

/// Counts sends by user, whatever keys they come with.
#[derive(Debug)]
pub(crate) struct Sends {
    per_minute: Option<NonZeroU32>,
    buckets: Buckets<UserId>,
    keyed: Mutex<HashMap<[u8; 32], Instant>>,
}

impl Sends {
    /// Everybody may send so often in a minute, or as often as they like, unless a group says otherwise.
    pub(crate) fn new(per_minute: Option<NonZeroU32>) -> Self {
        Sends { per_minute, buckets: Buckets::new(MonotonicClock), keyed: Mutex::default() }
    }

    /// Counts a send. `None` where it is not to be counted.
    fn count(&self, principal: &Principal, name: Option<[u8; 32]>) -> Result<Option<Left>, Refused> {
        let Some(per_minute) = limit_of(principal, self.per_minute) else { return Ok(None) };
        let now = MonotonicClock.now();
        let is_kept = |at: &_| now.duration_since(*at) < REMEMBERED_FOR;
        if let Some(name) = &name
            && self.keyed().get(name).is_some_and(is_kept)
        {
            return Ok(None);
        }
        let left =
            self.buckets.take(principal.user.id, per_minute).map_err(|wait| Refused { per_minute, wait })?;
        if let Some(name) = name {
            let mut keyed = self.keyed();
            make_room(&mut keyed, is_kept);
            keyed.insert(name, now);
        }
        Ok(Some(left))
    }

    fn keyed(&self) -> MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        self.keyed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A send that was one too many.
#[derive(Debug)]
struct Refused {
    per_minute: NonZeroU32,
    wait: Duration,
}

/// What a group grants goes before what everybody has: that of the group the key is bound to, else the most that any
/// of the user's groups grants.
fn limit_of(principal: &Principal, everybody: Option<NonZeroU32>) -> Option<NonZeroU32> {
    let bound_to = principal.key_group_id();
    let counts = |group| bound_to.is_none_or(|bound| bound == group);
    let groups = principal.memberships.iter().filter(|membership| counts(membership.group_id));
    groups.filter_map(|membership| membership.requests_per_minute).max().or(everybody)
}

/// The `RateLimit` header fields of an answer (draft-ietf-httpapi-ratelimit-headers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateHeaders {
    per_minute: NonZeroU32,
    remaining: u32,
    /// The seconds until there is as much as there can be, or until there is any.
    reset: u64,
}

impl RateHeaders {
    /// Writes them into the head of an answer.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        let policy = format!("\"sends\";q={};w={}", self.per_minute, MINUTE.as_secs());
        let limit = format!("\"sends\";r={};t={}", self.remaining, self.reset);
        for (name, value) in [(POLICY, policy), (LIMIT, limit)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

impl From<Left> for RateHeaders {
    fn from(Left { per_minute, remaining }: Left) -> Self {
        let missing = per_minute.get().saturating_sub(remaining);
        let reset = whole_seconds(MINUTE * missing / per_minute.get());
        RateHeaders { per_minute, remaining, reset }
    }
}

/// The step before a handler that asks the upstream.
pub(crate) async fn limit_sends(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match admit(request.request()) {
        Ok(()) => next.call(request).await,
        Err(problem) => Ok(request.error_response(problem)),
    }
}

fn admit(request: &HttpRequest) -> Result<(), Problem> {
    let state = AppState::of(request)?;
    let caller = request.extensions().get::<Caller>().cloned();
    let Caller(principal) = caller.ok_or_else(|| Problem::internal("a send is limited without a caller"))?;
    let (headers, outcome) = match state.sends().count(&principal, name_of(request, &principal)) {
        Ok(None) => return Ok(()),
        Ok(Some(left)) => (left.into(), Ok(())),
        Err(Refused { per_minute, wait }) => {
            let headers = RateHeaders { per_minute, remaining: 0, reset: whole_seconds(wait) };
            let detail = format!("{per_minute} sends a minute are allowed");
            (headers, Err(Problem::new(Code::RateLimited, detail).retry_after(wait)))
        }
    };
    request.extensions_mut().insert::<RateHeaders>(headers);
    outcome
}

/// The name under which a send is repeated: its user, its place and its key.
fn name_of(request: &HttpRequest, principal: &Principal) -> Option<[u8; 32]> {
    let key = request.headers().get(&IDEMPOTENCY_KEY)?;
    let mut hash = Sha256::new();
    hash.update(principal.user.id.as_uuid().as_bytes());
    hash.update(request.path().as_bytes());
    hash.update([0]);
    hash.update(key.as_bytes());
    Some(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use causerie_domain::GroupId;
    use causerie_domain::memberships::{GroupRole, Membership};
    use causerie_domain::principal::Credential;

    use super::*;
    use crate::auth::testing::{key_id, principal};

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    fn group(last: u32) -> GroupId {
        format!("01990000-0000-7000-8000-{last:012}").parse().unwrap()
    }

    #[test]
    fn a_group_goes_before_the_configuration() {
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
            let everybody = Some(number(60));
            assert_eq!(limit_of(&principal, everybody), expected.map(number), "{groups:?} {bound_to:?}");
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
    fn a_keyed_send_counts_once() {
        let sends = Sends::new(Some(number(2)));
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
    fn an_answer_tells_what_is_left_and_when_it_is_whole_again() {
        let mut headers = HeaderMap::new();
        RateHeaders::from(Left { per_minute: number(60), remaining: 57 }).write(&mut headers);
        assert_eq!(headers.get(POLICY).unwrap(), "\"sends\";q=60;w=60");
        assert_eq!(headers.get(LIMIT).unwrap(), "\"sends\";r=57;t=3");
    }
}
