//! The rate limit of requests that create something.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest};

use crate::auth::Caller;
use crate::error::{Code, Problem};
use crate::limits::RateHeaders;
use crate::state::AppState;

/// Name of the policy in the rate limit headers.
const CREATIONS: &str = "creations";

/// Counts a creation of an authenticated caller, and refuses it beyond the caller's limit.
pub(crate) async fn limit_creations(
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
        caller.ok_or_else(|| Problem::internal("a creation without an authenticated caller is limited"))?;
    let (headers, outcome) = match state.creations().count(&principal) {
        Ok(None) => return Ok(()),
        Ok(Some(remaining)) => (RateHeaders::remaining(CREATIONS, remaining), Ok(())),
        Err(refused) => {
            let detail = format!(
                "{} creations a minute are allowed; a large copy counts as several",
                refused.per_minute
            );
            let problem = Problem::new(Code::RateLimited, detail).retry_after(refused.wait);
            (RateHeaders::refused(CREATIONS, refused.per_minute, refused.wait), Err(problem))
        }
    };
    request.extensions_mut().insert::<RateHeaders>(headers);
    outcome
}
