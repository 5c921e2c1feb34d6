//! Who makes the request.

use actix_web::HttpResponse;

use crate::auth::Caller;
use crate::dto::MeDto;

/// Who you are.
///
/// The user behind the credential, its groups, and what the credential narrows it to.
#[utoipa::path(
    get, path = "/me", tag = "identity",
    responses((status = 200, body = MeDto, description = "The principal of the request")),
)]
pub(crate) async fn me(caller: Caller) -> HttpResponse {
    HttpResponse::Ok().json(MeDto::from(&*caller.0))
}
