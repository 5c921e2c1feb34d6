//! The caller and its abilities.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::auth::Caller;
use crate::dto::{AbilitiesDto, MeDto};
use crate::error::Problem;
use crate::request::Query;
use crate::state::AppState;

/// The current user.
///
/// The user of the credential with its groups and invitations, the scopes of the credential, and the budgets that
/// apply.
#[utoipa::path(
    get, path = "/me", tag = "identity",
    responses((status = 200, body = MeDto, description = "The principal of the request")),
)]
pub(crate) async fn me(state: Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let principal = caller.0.clone();
    let own = move |runtime: causerie_runtime::Runtime| async move {
        Ok((runtime.own_invitations(&principal).await?, runtime.own_budgets(&principal).await?))
    };
    let (invitations, budgets) = state.call(own).await?;
    Ok(HttpResponse::Ok().json(MeDto::new(&caller.0, invitations, budgets)))
}

/// The abilities of the current user.
///
/// The rules that apply, in order, for `createMongoAbility` of `@casl/ability` 6 or 7: the last matching rule decides.
/// The server checks every request again.
#[utoipa::path(
    get, path = "/me/abilities", tag = "identity",
    params(
        ("format" = Option<String>, Query, description = "`raw` (the default), or `packed` for `unpackRules`"),
    ),
    responses(
        (status = 200, body = AbilitiesDto, description = "The rules"),
        (status = 304, description = "The rules match `If-None-Match`"),
    ),
)]
pub(crate) async fn abilities(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let is_packed = match query.text("format").as_deref() {
        None | Some("raw") => false,
        Some("packed") => true,
        Some(_) => return Err(Problem::parameter("format", "it must be raw or packed")),
    };
    query.finish()?;
    let rules = state.call(move |runtime| async move { runtime.abilities(&caller.0) }).await?;
    let answer = match is_packed {
        true => AbilitiesDto::packed(&rules),
        false => AbilitiesDto::raw(&rules),
    };
    let answer = answer.map_err(Problem::internal)?;
    let tag = format!("\"{}\"", answer.etag);
    let mut response = match is_known(&request, &tag) {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    response.insert_header((header::ETAG, tag.as_str()));
    response.insert_header((header::CACHE_CONTROL, "private, no-store"));
    Ok(if is_known(&request, &tag) { response.finish() } else { response.json(answer) })
}

/// Whether the client has what the tag names (RFC 9110, 13.1.2: a weak comparison).
fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let lines = request.headers().get_all(header::IF_NONE_MATCH).filter_map(|line| line.to_str().ok());
    let mut known = lines.flat_map(|line| line.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}
