//! The step before every handler that asks who calls, and its result as an argument.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest};
use causerie_domain::principal::Principal;

use super::shown::Shown;
use crate::error::Problem;
use crate::limits::client_address;
use crate::state::AppState;

/// The principal of the request. A handler without it is not reached by anybody's credential.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Arc<Principal>);

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // Only a route that is registered as open, with a handler that wants a caller, can come here without
        // one.
        let caller = request.extensions().get::<Caller>().cloned();
        ready(caller.ok_or_else(|| Problem::internal("the route of this handler does not authenticate")))
    }
}

/// Authenticates a request before anything else of it is looked at.
pub(crate) async fn authenticate(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match caller(request.request()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.call(request).await
        }
        Err(problem) => Ok(request.error_response(problem)),
    }
}

async fn caller(request: &HttpRequest) -> Result<Caller, Problem> {
    let state = AppState::of(request)?;
    let shown = Shown::of(request)?;
    let from = client_address(request, &state.settings().access.trusted_proxies);
    state.authenticator().principal(shown, from, state.main()).await.map(Caller)
}
