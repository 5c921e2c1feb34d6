//! Budgets of users, groups and API keys.

use actix_web::HttpResponse;
use actix_web::web::Data;
use causerie_domain::budgets::BudgetSubject;
use causerie_domain::{ApiKeyId, GroupId, UserId};

use crate::auth::Caller;
use crate::dto::{BudgetDto, Id, SetBudgetBody};
use crate::error::Problem;
use crate::request::{Json, PathId};
use crate::state::AppState;

/// The budget of a user.
///
/// Every send of the user counts against the budget. 404 if the user has none.
#[utoipa::path(
    get, path = "/budgets/user/{id}", tag = "budgets",
    params(("id" = Id, Path, description = "The user")),
    responses((status = 200, body = BudgetDto, description = "The budget and its current state")),
)]
pub(crate) async fn get_user_budget(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<UserId>,
) -> Result<HttpResponse, Problem> {
    get(&state, caller, BudgetSubject::User(id.0)).await
}

/// Set the budget of a user.
///
/// Replaces the existing budget. Cost of the current period counts against the new limit.
#[utoipa::path(
    put, path = "/budgets/user/{id}", tag = "budgets",
    params(("id" = Id, Path, description = "The user")),
    request_body(content = SetBudgetBody, description = "The limit"),
    responses((status = 200, body = BudgetDto, description = "The budget and its current state")),
)]
pub(crate) async fn put_user_budget(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<UserId>,
    body: Json<SetBudgetBody>,
) -> Result<HttpResponse, Problem> {
    put(&state, caller, BudgetSubject::User(id.0), body.0).await
}

/// Delete the budget of a user.
///
/// Sends are no longer limited by it. A later budget still counts the cost of its current period.
#[utoipa::path(
    delete, path = "/budgets/user/{id}", tag = "budgets",
    params(("id" = Id, Path, description = "The user")),
    responses((status = 204, description = "The budget is deleted")),
)]
pub(crate) async fn delete_user_budget(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<UserId>,
) -> Result<HttpResponse, Problem> {
    delete(&state, caller, BudgetSubject::User(id.0)).await
}

/// The budget of a group.
///
/// Every send on the account of the group counts against the budget. 404 if the group has none.
#[utoipa::path(
    get, path = "/budgets/group/{id}", tag = "budgets",
    params(("id" = Id, Path, description = "The group")),
    responses((status = 200, body = BudgetDto, description = "The budget and its current state")),
)]
pub(crate) async fn get_group_budget(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
) -> Result<HttpResponse, Problem> {
    get(&state, caller, BudgetSubject::Group(id.0)).await
}

/// Set the budget of a group.
///
/// Replaces the existing budget. Cost of the current period counts against the new limit.
#[utoipa::path(
    put, path = "/budgets/group/{id}", tag = "budgets",
    params(("id" = Id, Path, description = "The group")),
    request_body(content = SetBudgetBody, description = "The limit"),
    responses((status = 200, body = BudgetDto, description = "The budget and its current state")),
)]
pub(crate) async fn put_group_budget(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
    body: Json<SetBudgetBody>,
) -> Result<HttpResponse, Problem> {
    put(&state, caller, BudgetSubject::Group(id.0), body.0).await
}

/// Delete the budget of a group.
///
/// Sends are no longer limited by it. A later budget still counts the cost of its current period.
#[utoipa::path(
    delete, path = "/budgets/group/{id}", tag = "budgets",
    params(("id" = Id, Path, description = "The group")),
    responses((status = 204, description = "The budget is deleted")),
)]
pub(crate) async fn delete_group_budget(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
) -> Result<HttpResponse, Problem> {
    delete(&state, caller, BudgetSubject::Group(id.0)).await
}

/// The budget of an API key.
///
/// Every send with the key counts against the budget. 404 if the key has none.
#[utoipa::path(
    get, path = "/budgets/api_key/{id}", tag = "budgets",
    params(("id" = Id, Path, description = "The key")),
    responses((status = 200, body = BudgetDto, description = "The budget and its current state")),
)]
pub(crate) async fn get_key_budget(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<ApiKeyId>,
) -> Result<HttpResponse, Problem> {
    get(&state, caller, BudgetSubject::ApiKey(id.0)).await
}

/// Set the budget of an API key.
///
/// Replaces the existing budget. Cost of the current period counts against the new limit.
#[utoipa::path(
    put, path = "/budgets/api_key/{id}", tag = "budgets",
    params(("id" = Id, Path, description = "The key")),
    request_body(content = SetBudgetBody, description = "The limit"),
    responses((status = 200, body = BudgetDto, description = "The budget and its current state")),
)]
pub(crate) async fn put_key_budget(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<ApiKeyId>,
    body: Json<SetBudgetBody>,
) -> Result<HttpResponse, Problem> {
    put(&state, caller, BudgetSubject::ApiKey(id.0), body.0).await
}

/// Delete the budget of an API key.
///
/// Sends are no longer limited by it. A later budget still counts the cost of its current period.
#[utoipa::path(
    delete, path = "/budgets/api_key/{id}", tag = "budgets",
    params(("id" = Id, Path, description = "The key")),
    responses((status = 204, description = "The budget is deleted")),
)]
pub(crate) async fn delete_key_budget(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<ApiKeyId>,
) -> Result<HttpResponse, Problem> {
    delete(&state, caller, BudgetSubject::ApiKey(id.0)).await
}

async fn get(state: &AppState, caller: Caller, of: BudgetSubject) -> Result<HttpResponse, Problem> {
    let budget = state.call(move |runtime| async move { runtime.budget(&caller.0, of).await }).await?;
    Ok(HttpResponse::Ok().json(BudgetDto::from(budget)))
}

async fn put(
    state: &AppState,
    caller: Caller,
    of: BudgetSubject,
    new: SetBudgetBody,
) -> Result<HttpResponse, Problem> {
    let budget = new.of(of);
    let state = state.call(move |runtime| async move { runtime.set_budget(&caller.0, budget).await }).await?;
    Ok(HttpResponse::Ok().json(BudgetDto::from(state)))
}

async fn delete(state: &AppState, caller: Caller, of: BudgetSubject) -> Result<HttpResponse, Problem> {
    state.call(move |runtime| async move { runtime.delete_budget(&caller.0, of).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}
