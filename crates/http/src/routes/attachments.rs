//! Attachments of a session.

use actix_web::HttpResponse;
use actix_web::web::Data;
use causerie_domain::ports::AttachmentCursor;
use causerie_domain::{AttachmentId, SessionId};

use crate::auth::Caller;
use crate::dto::attachments::AttachmentDto;
use crate::dto::{Id, PageDto};
use crate::error::Problem;
use crate::request::{PageParams, Pagination, PathId};
use crate::state::AppState;

/// The attachments of a session.
///
/// In the order of its messages.
#[utoipa::path(
    get, path = "/sessions/{id}/attachments", tag = "messages",
    params(("id" = Id, Path, description = "The session"), PageParams),
    responses((status = 200, body = PageDto<AttachmentDto>, description = "A page of attachments")),
)]
pub(crate) async fn list_attachments(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
    page: Pagination<AttachmentCursor>,
) -> Result<HttpResponse, Problem> {
    let page =
        state.call(move |runtime| async move { runtime.attachments(&caller.0, id.0, page.0).await }).await?;
    Ok(HttpResponse::Ok().json(PageDto::<AttachmentDto>::new(page.rows, page.next.as_ref())))
}

/// Delete an attachment.
///
/// The attachment is no longer listed or sent to a model. Copies in forks are kept.
#[utoipa::path(
    delete, path = "/attachments/{id}", tag = "messages",
    params(("id" = Id, Path, description = "The attachment")),
    responses((status = 204, description = "The attachment is deleted")),
)]
pub(crate) async fn delete_attachment(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<AttachmentId>,
) -> Result<HttpResponse, Problem> {
    state.call(move |runtime| async move { runtime.delete_attachment(&caller.0, id.0).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}
