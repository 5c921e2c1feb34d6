//! Stored rules of groups and users.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use causerie_domain::ports::RuleOwner;
use causerie_domain::{GroupId, UserId};

use crate::auth::Caller;
use crate::dto::Id;
use crate::dto::rules::{RulesDto, UserAbilitiesDto};
use crate::error::Problem;
use crate::request::{Json, PathId};
use crate::state::AppState;

/// The rules of a group.
///
/// They apply to members of the group, after the built-in rules and before the rules of each user.
#[utoipa::path(
    get, path = "/groups/{id}/rules", tag = "rules",
    params(("id" = Id, Path, description = "The group")),
    responses((status = 200, body = RulesDto, description = "The rules in their stored form")),
)]
pub(crate) async fn get_group_rules(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
) -> Result<HttpResponse, Problem> {
    get(&state, caller, RuleOwner::Group(id.0)).await
}

/// Replace the rules of a group.
///
/// Replaces all rules at once. If a rule cannot be evaluated, the request is refused and nothing is stored.
#[utoipa::path(
    put, path = "/groups/{id}/rules", tag = "rules",
    params(("id" = Id, Path, description = "The group")),
    request_body(content = RulesDto, description = "The new rules"),
    responses((status = 200, body = RulesDto, description = "The rules")),
)]
pub(crate) async fn put_group_rules(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
    body: Json<RulesDto>,
) -> Result<HttpResponse, Problem> {
    put(&state, caller, RuleOwner::Group(id.0), body.0).await
}

/// The rules of a user.
///
/// They apply after the rules of the user's groups and before the built-in prohibitions.
#[utoipa::path(
    get, path = "/users/{id}/rules", tag = "rules",
    params(("id" = Id, Path, description = "The user")),
    responses((status = 200, body = RulesDto, description = "The rules in their stored form")),
)]
pub(crate) async fn get_user_rules(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<UserId>,
) -> Result<HttpResponse, Problem> {
    get(&state, caller, RuleOwner::User(id.0)).await
}

/// Replace the rules of a user.
///
/// Replaces all rules at once. If a rule cannot be evaluated, the request is refused and nothing is stored.
#[utoipa::path(
    put, path = "/users/{id}/rules", tag = "rules",
    params(("id" = Id, Path, description = "The user")),
    request_body(content = RulesDto, description = "The new rules"),
    responses((status = 200, body = RulesDto, description = "The rules")),
)]
pub(crate) async fn put_user_rules(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<UserId>,
    body: Json<RulesDto>,
) -> Result<HttpResponse, Problem> {
    put(&state, caller, RuleOwner::User(id.0), body.0).await
}

/// The abilities of a user.
///
/// All rules that apply to the user, in order, each with its layer. Scopes of an API key restrict them further.
#[utoipa::path(
    get, path = "/users/{id}/abilities", tag = "rules",
    params(("id" = Id, Path, description = "The user")),
    responses((status = 200, body = UserAbilitiesDto, description = "The rules with their layers")),
)]
pub(crate) async fn user_abilities(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<UserId>,
) -> Result<HttpResponse, Problem> {
    let rules =
        state.call(move |runtime| async move { runtime.user_abilities(&caller.0, id.0).await }).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .json(UserAbilitiesDto::from(rules)))
}

async fn get(state: &AppState, caller: Caller, owner: RuleOwner) -> Result<HttpResponse, Problem> {
    let rules =
        state.call(move |runtime| async move { runtime.stored_rules(&caller.0, owner).await }).await?;
    Ok(HttpResponse::Ok().json(RulesDto { rules }))
}

async fn put(
    state: &AppState,
    caller: Caller,
    owner: RuleOwner,
    new: RulesDto,
) -> Result<HttpResponse, Problem> {
    let replace = move |runtime: causerie_runtime::Runtime| async move {
        runtime.replace_rules(&caller.0, owner, new.rules).await
    };
    let rules = state.administer(replace).await?;
    Ok(HttpResponse::Ok().json(RulesDto { rules }))
}
