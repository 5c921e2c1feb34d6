//! The caller and its abilities.

use std::str::FromStr;

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use crate::auth::Caller;
use crate::dto::abilities::AbilitiesDto;
use crate::dto::input;
use crate::dto::me::MeDto;
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

/// Parameters of the abilities.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AbilitiesParams {
    /// `raw` (the default), or `packed` for `unpackRules`.
    #[serde(default, deserialize_with = "input::from_str")]
    #[param(value_type = Option<RulesFormat>, inline)]
    format: RulesFormat,
}

/// Form of the rules in a response.
#[derive(Debug, Clone, Copy, Default, utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
enum RulesFormat {
    /// Objects.
    #[default]
    Raw,
    /// The result of `packRules` of `@casl/ability`.
    Packed,
}

impl FromStr for RulesFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "raw" => Ok(RulesFormat::Raw),
            "packed" => Ok(RulesFormat::Packed),
            _ => Err("it must be raw or packed"),
        }
    }
}

/// The abilities of the current user.
///
/// The rules that apply, in order, for `createMongoAbility` of `@casl/ability` 6 or 7: the last matching rule decides.
/// The server checks every request again.
#[utoipa::path(
    get, path = "/me/abilities", tag = "identity",
    params(AbilitiesParams),
    responses(
        (status = 200, body = AbilitiesDto, description = "The rules"),
        (status = 304, description = "The rules match `If-None-Match`"),
    ),
)]
pub(crate) async fn abilities(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    query: Query<AbilitiesParams>,
) -> Result<HttpResponse, Problem> {
    let rules = state.call(move |runtime| async move { runtime.abilities(&caller.0) }).await?;
    let abilities = match query.0.format {
        RulesFormat::Raw => AbilitiesDto::raw(&rules),
        RulesFormat::Packed => AbilitiesDto::packed(&rules),
    };
    let abilities = abilities.map_err(Problem::internal)?;
    let etag = format!("\"{}\"", abilities.etag);
    let is_unmodified = matches_etag(&request, &etag);
    let mut response = if is_unmodified { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::ETAG, etag));
    response.insert_header((header::CACHE_CONTROL, "private, no-store"));
    Ok(if is_unmodified { response.finish() } else { response.json(abilities) })
}

/// Returns whether `If-None-Match` contains an entity tag (RFC 9110, 13.1.2: a weak comparison).
fn matches_etag(request: &HttpRequest, etag: &str) -> bool {
    let lines = request.headers().get_all(header::IF_NONE_MATCH).filter_map(|line| line.to_str().ok());
    let mut given = lines.flat_map(|line| line.split(',')).map(str::trim);
    given.any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == etag)
}
