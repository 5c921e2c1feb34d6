//! Authentication of a request, before its handler runs.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest};

use crate::auth::{Caller, PresentedCredential};
use crate::error::Problem;
use crate::limits::client_address;
use crate::state::AppState;

/// Authenticates a request before any other part of it is read, and stores the caller for the handler.
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
    let credential = PresentedCredential::of(request)?;
    let from = client_address(request, &state.settings().access.trusted_proxies);
    state.authenticator().principal(credential, from, state.main()).await.map(Caller)
}
