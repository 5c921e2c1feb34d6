//! The permission of a request with a body, before the body is read.

use actix_web::Error;
use actix_web::HttpMessage as _;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use causerie_permissions::{Action, SubjectType};

use crate::auth::Caller;
use crate::error::Problem;
use crate::state::AppState;

/// Refuses an authenticated caller whose rules allow the action on no object of the type. The chat runtime decides about
/// the object itself.
pub(crate) async fn require_permission(
    request: ServiceRequest,
    next: Next<BoxBody>,
    action: Action,
    subject: SubjectType,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let caller = request.extensions().get::<Caller>().cloned();
    let decided = match (AppState::of(request.request()), caller) {
        (Ok(state), Some(Caller(principal))) => {
            state.runtime().require_type(&principal, action, subject).map_err(Problem::from)
        }
        (Ok(_), None) => Err(Problem::internal("a permission without an authenticated caller is decided")),
        (Err(problem), _) => Err(problem),
    };
    match decided {
        Ok(()) => next.call(request).await,
        Err(problem) => Ok(request.error_response(problem)),
    }
}
