//! The audit log.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use causerie_domain::AuditEventId;
use causerie_runtime::ListAudit;

use crate::auth::Caller;
use crate::dto::{AuditEventDto, Id, PageDto, PageKey as _};
use crate::error::Problem;
use crate::request::{PageParams, Query};
use crate::state::AppState;

/// The audit log.
///
/// Who changed what about people, keys, groups, rules and models, and which admin read whose conversation, the latest
/// first. Entries are never changed and outlive what they name.
#[utoipa::path(
    get, path = "/audit/events", tag = "audit",
    params(
        ("actor_id" = Option<Id>, Query, description = "Only what this user did"),
        ("subject_id" = Option<String>, Query, description = "Only what was done to the thing with this id"),
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
    let list = ListAudit {
        actor_id: query.read("actor_id")?,
        subject_id: query.text("subject_id"),
        limit: query.limit()?,
        after: AuditEventId::of(&mut query)?,
    };
    query.finish()?;
    let page = state.call(move |runtime| async move { runtime.audit_events(&caller.0, list).await }).await?;
    Ok(HttpResponse::Ok().json(PageDto::<AuditEventDto>::new(page.rows, page.next.as_ref())))
}
