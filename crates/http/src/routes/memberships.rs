//! Members of groups, and invitations.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use causerie_domain::memberships::GroupRole;
use causerie_domain::{GroupId, UserId};
use causerie_runtime::{NewMember, RuntimeError};

use crate::auth::Caller;
use crate::dto::memberships::{
    ChangeMemberBody, InvitationCursor, InvitationDto, MemberDto, MembershipStateDto,
};
use crate::dto::new_members::AddMemberBody;
use crate::dto::{Id, PageDto};
use crate::error::Problem;
use crate::request::{Json, PageParams, Pagination, PathId, PathUser};
use crate::state::AppState;

/// The members of a group.
///
/// The members that you may see, by user id. Admins of the group see all members, others only themselves.
#[utoipa::path(
    get, path = "/groups/{id}/members", tag = "groups",
    params(("id" = Id, Path, description = "The group"), PageParams),
    responses((status = 200, body = PageDto<MemberDto>, description = "A page of members")),
)]
pub(crate) async fn list_members(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
    page: Pagination<UserId>,
) -> Result<HttpResponse, Problem> {
    let page =
        state.call(move |runtime| async move { runtime.members(&caller.0, id.0, page.0).await }).await?;
    Ok(HttpResponse::Ok().json(PageDto::<MemberDto>::new(page.rows, page.next.as_ref())))
}

/// Invite a user, or add a member.
///
/// With `email` the address is invited; the response does not reveal whether a user has it. With `user_id` the user
/// becomes a member at once, which requires the right to manage the group: its admins see the usage of members.
#[utoipa::path(
    post, path = "/groups/{id}/members", tag = "groups",
    params(("id" = Id, Path, description = "The group")),
    request_body(content = AddMemberBody, description = "The user or the address"),
    responses(
        (status = 201, body = MembershipStateDto, description = "The user is a member"),
        (status = 202, body = MembershipStateDto, description = "The address is invited"),
    ),
)]
pub(crate) async fn add_member(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
    body: Json<AddMemberBody>,
) -> Result<HttpResponse, Problem> {
    let role = body.0.role.unwrap_or(GroupRole::Member);
    let (member, status) = match (body.0.email, body.0.user_id) {
        (Some(email), None) => (NewMember::Invite(email), StatusCode::ACCEPTED),
        (None, Some(user)) => (NewMember::Add(user), StatusCode::CREATED),
        _ => return Err(RuntimeError::invalid("", "exactly one of email and user_id is required").into()),
    };
    let state_after = MembershipStateDto::new(id.0, &member, role);
    state
        .administer(move |runtime| async move { runtime.add_member(&caller.0, id.0, member, role).await })
        .await?;
    Ok(HttpResponse::build(status).json(state_after))
}

/// Accept an invitation.
///
/// Accepts the invitation of your own address, which `GET /me` lists.
#[utoipa::path(
    post, path = "/groups/{id}/members/me", tag = "groups",
    params(("id" = Id, Path, description = "The group")),
    responses((status = 204, description = "You are a member")),
)]
pub(crate) async fn accept_invitation(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
) -> Result<HttpResponse, Problem> {
    state.administer(move |runtime| async move { runtime.accept_invitation(&caller.0, id.0).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Leave a group, or decline its invitation.
///
/// Sessions on the account of the group no longer accept messages from you. Without a membership, the invitation of your
/// own address is declined.
#[utoipa::path(
    delete, path = "/groups/{id}/members/me", tag = "groups",
    params(("id" = Id, Path, description = "The group")),
    responses((status = 204, description = "You are neither a member nor invited")),
)]
pub(crate) async fn leave_group(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
) -> Result<HttpResponse, Problem> {
    state.administer(move |runtime| async move { runtime.leave_group(&caller.0, id.0).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Change a member's role.
///
/// An admin of a group administers it and sees the usage of its members.
#[utoipa::path(
    patch, path = "/groups/{id}/members/{user_id}", tag = "groups",
    params(("id" = Id, Path, description = "The group"), ("user_id" = Id, Path, description = "The member")),
    request_body(content = ChangeMemberBody, description = "What to change"),
    responses((status = 204, description = "The member has the role")),
)]
pub(crate) async fn change_member(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
    user: PathUser,
    body: Json<ChangeMemberBody>,
) -> Result<HttpResponse, Problem> {
    let role = body.0.role;
    state
        .administer(move |runtime| async move { runtime.change_member(&caller.0, id.0, user.0, role).await })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Remove a member.
///
/// The user keeps its sessions. Those on the account of the group no longer accept messages.
#[utoipa::path(
    delete, path = "/groups/{id}/members/{user_id}", tag = "groups",
    params(("id" = Id, Path, description = "The group"), ("user_id" = Id, Path, description = "The member")),
    responses((status = 204, description = "The user is no longer a member")),
)]
pub(crate) async fn remove_member(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
    user: PathUser,
) -> Result<HttpResponse, Problem> {
    state
        .administer(move |runtime| async move { runtime.remove_member(&caller.0, id.0, user.0).await })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The open invitations to a group.
///
/// Ordered by address. The response does not reveal whether a user has it.
#[utoipa::path(
    get, path = "/groups/{id}/invitations", tag = "groups",
    params(("id" = Id, Path, description = "The group"), PageParams),
    responses((status = 200, body = PageDto<InvitationDto>, description = "A page of invitations")),
)]
pub(crate) async fn list_invitations(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
    page: Pagination<InvitationCursor>,
) -> Result<HttpResponse, Problem> {
    let page = page.map_cursor(|InvitationCursor(last)| last);
    let page =
        state.call(move |runtime| async move { runtime.invitations(&caller.0, id.0, page).await }).await?;
    let next = page.next.map(InvitationCursor);
    Ok(HttpResponse::Ok().json(PageDto::<InvitationDto>::new(page.rows, next.as_ref())))
}

/// Withdraw an invitation.
///
/// The invitation can no longer be accepted.
#[utoipa::path(
    delete, path = "/groups/{id}/invitations/{email}", tag = "groups",
    params(
        ("id" = Id, Path, description = "The group"),
        ("email" = String, Path, description = "The invited address"),
    ),
    responses((status = 204, description = "The invitation is withdrawn")),
)]
pub(crate) async fn withdraw_invitation(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<GroupId>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    // No address contains U+0000, and PostgreSQL refuses it in queries.
    let email = path.into_inner().1.replace('\0', "\u{fffd}");
    state
        .administer(move |runtime| async move { runtime.delete_invitation(&caller.0, id.0, email).await })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
