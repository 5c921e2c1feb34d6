//! Sign-in with the one-time code of the first start.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::dto::sign_in::{SignInBody, SignedInDto};
use crate::error::Problem;
use crate::limits::client_address;
use crate::local_machine::LocalRequest;
use crate::request::Json;
use crate::state::AppState;

/// Sign in with the one-time code.
///
/// The first start prints an address with a code, which the page at that address exchanges for an API key of the
/// administrator. The code works once, within ten minutes, and only from this machine: peer and `Host` must be loopback
/// addresses, and no header of a proxy may be present. The key is valid for 12 hours and stands in the audit log.
#[utoipa::path(
    post, path = "/sign-in", tag = "identity",
    request_body(content = SignInBody, description = "The code"),
    responses((status = 200, body = SignedInDto, description = "The API key")),
)]
pub(crate) async fn sign_in(
    state: Data<AppState>,
    _: LocalRequest,
    request: HttpRequest,
    body: Json<SignInBody>,
) -> Result<HttpResponse, Problem> {
    let from = client_address(&request, &state.settings().access.trusted_proxies);
    let (authenticator, runtime) = (Arc::clone(state.authenticator()), state.runtime().clone());
    let exchange = async move { authenticator.exchange_code(body.0.into_code(), from, runtime).await };
    let signed_in = state.main().run(exchange).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(SignedInDto::from(signed_in)))
}
