//! Authentication of a request, before its handler runs.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest};
use causerie_domain::Requester;
use causerie_fair_share::on_behalf_of;

use crate::auth::{Caller, PresentedCredential};
use crate::error::Problem;
use crate::limits::client_address;
use crate::state::AppState;

/// Authenticates a request before any other part of it is read, and stores the caller for the handler, which runs on
/// behalf of the caller.
pub(crate) async fn authenticate(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match on_behalf_of(Requester::UNIDENTIFIED, caller(request.request())).await {
        Ok(caller) => {
            let requester = caller.0.requester();
            request.extensions_mut().insert(caller);
            on_behalf_of(requester, next.call(request)).await
        }
        Err(problem) => Ok(request.error_response(problem)),
    }
}

async fn caller(request: &HttpRequest) -> Result<Caller, Problem> {
    let state = AppState::of(request)?;
    let credential = PresentedCredential::of(request)?;
    let from = client_address(request, &state.settings().access.trusted_proxies);
    state.authenticator().principal(credential, from, state.main()).await.map(Caller)
}
