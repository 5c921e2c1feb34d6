//! Forks: sessions that continue another session from an earlier message.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use causerie_domain::SessionId;

use crate::auth::Caller;
use crate::dto::forks::{ForkBody, ForkCursor, LineageCursor};
use crate::dto::sessions::SessionDto;
use crate::dto::{Id, PageDto};
use crate::error::Problem;
use crate::request::{Json, PageParams, Pagination, PathId};
use crate::state::AppState;

/// Fork a session.
///
/// Copies the first messages with their attachments into a new active session of the same tool and version. The copy
/// ends with the last completed answer at or before `from_seq`, so a running turn is not copied. Copies have no turn
/// and no usage.
#[utoipa::path(
    post, path = "/sessions/{id}/forks", tag = "forks",
    params(("id" = Id, Path, description = "The session")),
    request_body(content = ForkBody, description = "The message at which to fork"),
    responses(
        (
            status = 201, body = SessionDto, description = "The new session",
            headers(("location" = String, description = "URL of the session")),
        ),
        (status = 422, description = "`no_such_message`: the session has no message with this number"),
    ),
)]
pub(crate) async fn fork_session(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
    body: Json<ForkBody>,
) -> Result<HttpResponse, Problem> {
    let fork = body.0.fork_of(id.0);
    let counted = state.get_ref().clone();
    let view = state.call(move |runtime| async move {
        let (view, copied_bytes) = runtime.fork_session(&caller.0, fork).await?;
        // Part of the call, which continues if its caller disconnects.
        counted.creations().charge(&caller.0, copied_bytes);
        Ok(view)
    });
    let view = view.await?;
    let location = format!("/sessions/{}", view.session.id);
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(SessionDto::from(view)))
}

/// The forks of a session.
///
/// Latest activity first.
#[utoipa::path(
    get, path = "/sessions/{id}/forks", tag = "forks",
    params(("id" = Id, Path, description = "The session"), PageParams),
    responses((status = 200, body = PageDto<SessionDto>, description = "A page of sessions")),
)]
pub(crate) async fn list_forks(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
    page: Pagination<ForkCursor>,
) -> Result<HttpResponse, Problem> {
    let page = page.map_cursor(|ForkCursor(last)| last);
    let page = state.call(move |runtime| async move { runtime.forks(&caller.0, id.0, page).await }).await?;
    let next = page.next.map(ForkCursor);
    Ok(HttpResponse::Ok().json(PageDto::<SessionDto>::new(page.rows, next.as_ref())))
}

/// The lineage of a session.
///
/// The sessions from which it was forked, nearest first, as far as they exist; empty if the session is not a fork.
#[utoipa::path(
    get, path = "/sessions/{id}/lineage", tag = "forks",
    params(("id" = Id, Path, description = "The session"), PageParams),
    responses((status = 200, body = PageDto<SessionDto>, description = "A page of sessions")),
)]
pub(crate) async fn lineage(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
    page: Pagination<LineageCursor>,
) -> Result<HttpResponse, Problem> {
    let page = page.map_cursor(|LineageCursor(last)| last);
    let page = state.call(move |runtime| async move { runtime.lineage(&caller.0, id.0, page).await }).await?;
    let next = page.next.map(LineageCursor);
    Ok(HttpResponse::Ok().json(PageDto::<SessionDto>::new(page.rows, next.as_ref())))
}
