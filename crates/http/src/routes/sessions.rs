//! Sessions: conversations with a tool, and their audit.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use causerie_domain::sessions::{SessionAction, SessionState};
use causerie_domain::{GroupId, SessionId, UserId};
use causerie_runtime::{AuditSessions, ListSessions};
use serde::Deserialize;

use crate::auth::Caller;
use crate::dto::sessions::{
    CreateSessionBody, RenameSessionBody, SessionAuditCursor, SessionAuditDto, SessionDetailDto, SessionDto,
};
use crate::dto::values::SessionStateDto;
use crate::dto::{Id, PageDto, input};
use crate::error::Problem;
use crate::request::{Json, PageParams, PathId, Query};
use crate::state::AppState;

/// Create a session.
///
/// A conversation with one tool, pinned to the tool's current version.
#[utoipa::path(
    post, path = "/sessions", tag = "sessions",
    request_body(content = CreateSessionBody, description = "The session to create"),
    responses(
        (
            status = 201, body = SessionDto, description = "The session",
            headers(("location" = String, description = "URL of the session")),
        ),
        (status = 404, description = "There is no such tool, or it is not visible to you"),
    ),
)]
pub(crate) async fn create_session(
    state: Data<AppState>,
    caller: Caller,
    body: Json<CreateSessionBody>,
) -> Result<HttpResponse, Problem> {
    let new = body.0.into();
    let view = state.call(move |runtime| async move { runtime.create_session(&caller.0, new).await }).await?;
    let location = format!("/sessions/{}", view.session.id);
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(SessionDto::from(view)))
}

/// Filter of sessions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionParams {
    /// Only sessions in this state.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[param(value_type = Option<SessionStateDto>)]
    state: Option<SessionState>,
    /// Only sessions with this tool, by its slug.
    tool: Option<String>,
}

/// Your sessions.
///
/// Newest activity first.
#[utoipa::path(
    get, path = "/sessions", tag = "sessions",
    params(SessionParams, PageParams),
    responses((status = 200, body = PageDto<SessionDto>, description = "A page of sessions")),
)]
pub(crate) async fn list_sessions(
    state: Data<AppState>,
    caller: Caller,
    query: Query<(SessionParams, PageParams)>,
) -> Result<HttpResponse, Problem> {
    let Query((filter, page)) = query;
    let list =
        ListSessions { state: filter.state, tool: filter.tool, limit: page.limit, after: page.after()? };
    let page = state.call(move |runtime| async move { runtime.sessions(&caller.0, list).await }).await?;
    Ok(HttpResponse::Ok().json(PageDto::<SessionDto>::new(page.rows, page.next.as_ref())))
}

/// A session.
///
/// Includes its totals and its latest messages.
#[utoipa::path(
    get, path = "/sessions/{id}", tag = "sessions",
    params(("id" = Id, Path, description = "The session")),
    responses((status = 200, body = SessionDetailDto, description = "The session")),
)]
pub(crate) async fn get_session(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
) -> Result<HttpResponse, Problem> {
    let detail = state.call(move |runtime| async move { runtime.session(&caller.0, id.0).await }).await?;
    Ok(HttpResponse::Ok().json(SessionDetailDto::from(detail)))
}

/// Rename a session.
///
/// Sets the title, or removes it with null.
#[utoipa::path(
    patch, path = "/sessions/{id}", tag = "sessions",
    params(("id" = Id, Path, description = "The session")),
    request_body(content = RenameSessionBody, description = "What to change"),
    responses((status = 200, body = SessionDto, description = "The session after the change")),
)]
pub(crate) async fn rename_session(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
    body: Json<RenameSessionBody>,
) -> Result<HttpResponse, Problem> {
    let change = body.0.title;
    let view = state
        .call(move |runtime| async move {
            match change {
                Some(title) => runtime.rename_session(&caller.0, id.0, title).await,
                None => runtime.session(&caller.0, id.0).await.map(|detail| detail.view),
            }
        })
        .await?;
    Ok(HttpResponse::Ok().json(SessionDto::from(view)))
}

/// Delete a session.
///
/// The session is removed from every list and can no longer be read; its cost stays in the ledger. A running turn is
/// cancelled first.
#[utoipa::path(
    delete, path = "/sessions/{id}", tag = "sessions",
    params(("id" = Id, Path, description = "The session")),
    responses((status = 204, description = "The session is deleted")),
)]
pub(crate) async fn delete_session(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
) -> Result<HttpResponse, Problem> {
    state.call(move |runtime| async move { runtime.delete_session(&caller.0, id.0).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Pause a session.
///
/// A paused session accepts no messages until it is resumed. A running turn is completed. Pausing it again has no
/// effect.
#[utoipa::path(
    patch, path = "/sessions/{id}/pause", tag = "sessions",
    params(("id" = Id, Path, description = "The session")),
    responses(
        (status = 200, body = SessionDto, description = "The session after the change"),
        (status = 409, description = "`invalid_state`: the session is completed"),
    ),
)]
pub(crate) async fn pause_session(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
) -> Result<HttpResponse, Problem> {
    change_state(&state, caller, id, SessionAction::Pause).await
}

/// Resume a session.
///
/// The session accepts messages again. Resuming it again has no effect.
#[utoipa::path(
    patch, path = "/sessions/{id}/resume", tag = "sessions",
    params(("id" = Id, Path, description = "The session")),
    responses(
        (status = 200, body = SessionDto, description = "The session after the change"),
        (status = 409, description = "`invalid_state`: the session is completed"),
    ),
)]
pub(crate) async fn resume_session(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
) -> Result<HttpResponse, Problem> {
    change_state(&state, caller, id, SessionAction::Resume).await
}

/// Complete a session.
///
/// A completed session never accepts messages again. A running turn is completed. Completing it again has no effect.
#[utoipa::path(
    patch, path = "/sessions/{id}/complete", tag = "sessions",
    params(("id" = Id, Path, description = "The session")),
    responses((status = 200, body = SessionDto, description = "The session after the change")),
)]
pub(crate) async fn complete_session(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
) -> Result<HttpResponse, Problem> {
    change_state(&state, caller, id, SessionAction::Complete).await
}

async fn change_state(
    state: &AppState,
    caller: Caller,
    id: PathId<SessionId>,
    action: SessionAction,
) -> Result<HttpResponse, Problem> {
    let view = state
        .call(move |runtime| async move { runtime.change_session_state(&caller.0, id.0, action).await })
        .await?;
    Ok(HttpResponse::Ok().json(SessionDto::from(view)))
}

/// Filter of audited sessions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionAuditParams {
    /// Only sessions with this tool, by its slug or its id.
    tool: Option<String>,
    /// Only sessions of this user, by its id.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[param(value_type = Option<Id>)]
    user: Option<UserId>,
    /// Only sessions of this group, by its id.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[param(value_type = Option<Id>)]
    group: Option<GroupId>,
}

/// The sessions that you may audit.
///
/// Latest activity first: user, time, tool, tokens and cost, without titles and messages. Deleted sessions are not
/// listed; their cost is part of the usage.
#[utoipa::path(
    get, path = "/audit/sessions", tag = "usage",
    params(SessionAuditParams, PageParams),
    responses((status = 200, body = PageDto<SessionAuditDto>, description = "A page of sessions")),
)]
pub(crate) async fn audit_sessions(
    state: Data<AppState>,
    caller: Caller,
    query: Query<(SessionAuditParams, PageParams)>,
) -> Result<HttpResponse, Problem> {
    let Query((filter, page)) = query;
    let list = AuditSessions {
        tool: filter.tool,
        user_id: filter.user,
        group_id: filter.group,
        limit: page.limit,
        after: page.after()?.map(|SessionAuditCursor(last)| last),
    };
    let page =
        state.call(move |runtime| async move { runtime.audit_sessions(&caller.0, list).await }).await?;
    let next = page.next.map(SessionAuditCursor);
    Ok(HttpResponse::Ok().json(PageDto::<SessionAuditDto>::new(page.rows, next.as_ref())))
}
