//! The rate limit of requests that call the upstream.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderName;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest};
use causerie_domain::principal::Principal;
use sha2::{Digest as _, Sha256};

use crate::auth::Caller;
use crate::error::Problem;
use crate::limits::RateHeaders;
use crate::state::AppState;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Counts a send of an authenticated caller, and refuses it beyond the caller's limit.
pub(crate) async fn limit_sends(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match count(request.request()) {
        Ok(()) => next.call(request).await,
        Err(problem) => Ok(request.error_response(problem)),
    }
}

fn count(request: &HttpRequest) -> Result<(), Problem> {
    let state = AppState::of(request)?;
    let caller = request.extensions().get::<Caller>().cloned();
    let Caller(principal) =
        caller.ok_or_else(|| Problem::internal("a send without an authenticated caller is limited"))?;
    let (headers, outcome) = match state.sends().count(&principal, idempotency_hash(request, &principal)) {
        Ok(None) => return Ok(()),
        Ok(Some(remaining)) => (remaining.into(), Ok(())),
        Err(refused) => (RateHeaders::from(&refused), Err(refused.into())),
    };
    request.extensions_mut().insert::<RateHeaders>(headers);
    outcome
}

/// Returns the identity of a send that can be repeated: a hash of its user, its path and its idempotency key. Only turns
/// and completions have idempotency keys; the other operations call the upstream each time.
fn idempotency_hash(request: &HttpRequest, principal: &Principal) -> Option<[u8; 32]> {
    const KEYED: [&str; 4] = ["/messages", "/regenerate", "/chat/completions", "/api/chat"];
    if !KEYED.iter().any(|route| request.path().ends_with(route)) {
        return None;
    }
    let key = request.headers().get(&IDEMPOTENCY_KEY)?;
    let mut hash = Sha256::new();
    hash.update(principal.user.id.as_uuid().as_bytes());
    hash.update(request.path().as_bytes());
    hash.update([0]);
    hash.update(key.as_bytes());
    Some(hash.finalize().into())
}
