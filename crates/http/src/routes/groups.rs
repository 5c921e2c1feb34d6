//! Groups.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use causerie_domain::GroupId;

use crate::auth::Caller;
use crate::dto::groups::{ChangeGroupBody, CreateGroupBody, GroupDto};
use crate::dto::{Id, PageDto};
use crate::error::Problem;
use crate::request::{Json, PageParams, Pagination, PathId};
use crate::state::AppState;

/// Create a group.
///
/// The new group has no members; you are not added either.
#[utoipa::path(
    post, path = "/groups", tag = "groups",
    request_body(content = CreateGroupBody, description = "The group to create"),
    responses((
        status = 201, body = GroupDto, description = "The group",
        headers(("location" = String, description = "URL of the group")),
    )),
)]
pub(crate) async fn create_group(
    state: Data<AppState>,
    caller: Caller,
    body: Json<CreateGroupBody>,
) -> Result<HttpResponse, Problem> {
    let name = body.0.name;
    let group =
        state.administer(move |runtime| async move { runtime.create_group(&caller.0, name).await }).await?;
    let location = format!("/groups/{}", group.id);
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(GroupDto::from(group)))
}

/// The groups.
///
/// The groups that you may see, ordered by id.
#[utoipa::path(
    get, path = "/groups", tag = "groups",
    params(PageParams),
    responses((status = 200, body = PageDto<GroupDto>, description = "A page of groups")),
)]
pub(crate) async fn list_groups(
    state: Data<AppState>,
    caller: Caller,
    page: Pagination<GroupId>,
) -> Result<HttpResponse, Problem> {
    let page = state.call(move |runtime| async move { runtime.groups(&caller.0, page.0).await }).await?;
    Ok(HttpResponse::Ok().json(PageDto::<GroupDto>::new(page.rows, page.next.as_ref())))
}

/// A group.
///
/// A group of which you are a member, or which the rules allow you to read.
#[utoipa::path(
    get, path = "/groups/{id}", tag = "groups",
    params(("id" = Id, Path, description = "The group")),
    responses((status = 200, body = GroupDto, description = "The group")),
)]
pub(crate) async fn get_group(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
) -> Result<HttpResponse, Problem> {
    let group = state.call(move |runtime| async move { runtime.group(&caller.0, id.0).await }).await?;
    Ok(HttpResponse::Ok().json(GroupDto::from(group)))
}

/// Change a group.
///
/// Admins of the group may rename it. The limit of sends requires the right to manage the group.
#[utoipa::path(
    patch, path = "/groups/{id}", tag = "groups",
    params(("id" = Id, Path, description = "The group")),
    request_body(content = ChangeGroupBody, description = "What to change"),
    responses((status = 200, body = GroupDto, description = "The group")),
)]
pub(crate) async fn change_group(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
    body: Json<ChangeGroupBody>,
) -> Result<HttpResponse, Problem> {
    let change = body.0.into();
    let group = state
        .administer(move |runtime| async move { runtime.change_group(&caller.0, id.0, change).await })
        .await?;
    Ok(HttpResponse::Ok().json(GroupDto::from(group)))
}

/// Delete a group.
///
/// Deletes the group with its memberships, its rules and the keys bound to it. Members keep their sessions.
#[utoipa::path(
    delete, path = "/groups/{id}", tag = "groups",
    params(("id" = Id, Path, description = "The group")),
    responses(
        (status = 204, description = "The group is deleted"),
        (status = 409, description = "`group_in_use`: tools or models belong to it"),
    ),
)]
pub(crate) async fn delete_group(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
) -> Result<HttpResponse, Problem> {
    state.administer(move |runtime| async move { runtime.delete_group(&caller.0, id.0).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}
