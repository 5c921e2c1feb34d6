//! Users.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use causerie_domain::UserId;

use crate::auth::Caller;
use crate::dto::users::{ChangeUserBody, CreateUserBody, VisibleUserDto};
use crate::dto::{Id, PageDto};
use crate::error::Problem;
use crate::request::{Json, PageParams, Pagination, PathId};
use crate::state::AppState;

/// Create a user.
///
/// The user authenticates with an API key that you create for it.
#[utoipa::path(
    post, path = "/users", tag = "users",
    request_body(content = CreateUserBody, description = "The user to create"),
    responses(
        (status = 201, body = VisibleUserDto, description = "The user",
         headers(("location" = String, description = "URL of the user"))),
        (status = 409, description = "`email_taken`: another user has the address"),
    ),
)]
pub(crate) async fn create_user(
    state: Data<AppState>,
    caller: Caller,
    body: Json<CreateUserBody>,
) -> Result<HttpResponse, Problem> {
    let new = body.0.into();
    let seen =
        state.administer(move |runtime| async move { runtime.create_user(&caller.0, new).await }).await?;
    let location = format!("/users/{}", seen.view.user.id);
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(VisibleUserDto::from(seen)))
}

/// The users.
///
/// The users that you may see, ordered by id.
#[utoipa::path(
    get, path = "/users", tag = "users",
    params(PageParams),
    responses((status = 200, body = PageDto<VisibleUserDto>, description = "A page of users")),
)]
pub(crate) async fn list_users(
    state: Data<AppState>,
    caller: Caller,
    page: Pagination<UserId>,
) -> Result<HttpResponse, Problem> {
    let page = state.call(move |runtime| async move { runtime.users(&caller.0, page.0).await }).await?;
    Ok(HttpResponse::Ok().json(PageDto::<VisibleUserDto>::new(page.rows, page.next.as_ref())))
}

/// A user.
///
/// Includes the members that the rules allow you to read.
#[utoipa::path(
    get, path = "/users/{id}", tag = "users",
    params(("id" = Id, Path, description = "The user")),
    responses((status = 200, body = VisibleUserDto, description = "The user")),
)]
pub(crate) async fn get_user(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<UserId>,
) -> Result<HttpResponse, Problem> {
    let seen = state.call(move |runtime| async move { runtime.user(&caller.0, id.0).await }).await?;
    Ok(HttpResponse::Ok().json(VisibleUserDto::from(seen)))
}

/// Change a user.
///
/// Users may change their own name and language; administrators may also change the address, status and role of
/// others. The credentials of a disabled user are refused at once by this instance, and within 5 seconds by others.
#[utoipa::path(
    patch, path = "/users/{id}", tag = "users",
    params(("id" = Id, Path, description = "The user")),
    request_body(content = ChangeUserBody, description = "What to change"),
    responses(
        (status = 200, body = VisibleUserDto, description = "The user"),
        (status = 409, description = "`email_taken`: another user has the address; `last_admin`: this is the last active admin"),
    ),
)]
pub(crate) async fn change_user(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<UserId>,
    body: Json<ChangeUserBody>,
) -> Result<HttpResponse, Problem> {
    let change = body.0.into();
    let seen = state
        .administer(move |runtime| async move { runtime.change_user(&caller.0, id.0, change).await })
        .await?;
    Ok(HttpResponse::Ok().json(VisibleUserDto::from(seen)))
}

/// Delete a user.
///
/// Deletes the user with its sessions, messages, keys and memberships. Usage records stay in the ledger, without the
/// user. If turns of the user are running, the user is disabled and the turns are cancelled first; if a turn does not end
/// within about 10 seconds, the answer is 409 `turn_in_progress`, the user stays disabled, and the request can be
/// repeated.
#[utoipa::path(
    delete, path = "/users/{id}", tag = "users",
    params(("id" = Id, Path, description = "The user")),
    responses(
        (status = 204, description = "The user is deleted"),
        (status = 409, description = "`last_admin`: this is the last active admin; `turn_in_progress`: a turn does not end"),
    ),
)]
pub(crate) async fn delete_user(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<UserId>,
) -> Result<HttpResponse, Problem> {
    let authenticator = Arc::clone(state.authenticator());
    state
        .administer(move |runtime| async move {
            runtime.delete_user(&caller.0, id.0, move || authenticator.clear()).await
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
