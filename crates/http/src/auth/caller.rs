//! The authenticated caller, as an argument of handlers.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use causerie_domain::principal::Principal;

use crate::error::Problem;

/// The principal of the request, stored by the middleware `authenticate`.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Arc<Principal>);

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // Fails only for a handler with a caller on a route that is registered as public.
        let caller = request.extensions().get::<Caller>().cloned();
        ready(caller.ok_or_else(|| Problem::internal("the route of this handler does not authenticate")))
    }
}
