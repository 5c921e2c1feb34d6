//! The audit log.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use causerie_domain::AuditEventId;
use causerie_runtime::ListAuditEvents;

use crate::auth::Caller;
use crate::dto::{AuditEventDto, Id, PageDto};
use crate::error::Problem;
use crate::request::{PageParams, Query};
use crate::state::AppState;

/// The audit log.
///
/// Changes of users, keys, groups, rules and models, and reads of other users' conversations by admins, latest first.
/// Entries are never changed, and are kept after their subject is deleted.
#[utoipa::path(
    get, path = "/audit/events", tag = "audit",
    params(
        ("actor_id" = Option<Id>, Query, description = "Only events caused by this user"),
        ("subject_id" = Option<String>, Query, description = "Only events about the subject with this id"),
        PageParams,
    ),
    responses((status = 200, body = PageDto<AuditEventDto>, description = "A page of entries")),
)]
pub(crate) async fn list_events(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let list = ListAuditEvents {
        actor_id: query.read("actor_id")?,
        subject_id: query.text("subject_id"),
        limit: query.limit()?,
        after: query.cursor::<AuditEventId>()?,
    };
    query.finish()?;
    let page = state.call(move |runtime| async move { runtime.audit_events(&caller.0, list).await }).await?;
    Ok(HttpResponse::Ok().json(PageDto::<AuditEventDto>::new(page.rows, page.next.as_ref())))
}
