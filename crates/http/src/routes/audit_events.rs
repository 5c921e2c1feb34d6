//! The audit log.

use actix_web::HttpResponse;
use actix_web::web::Data;
use causerie_domain::UserId;
use causerie_runtime::ListAuditEvents;
use serde::Deserialize;

use crate::auth::Caller;
use crate::dto::audit_events::AuditEventDto;
use crate::dto::{Id, PageDto, input};
use crate::error::Problem;
use crate::request::{PageParams, Query};
use crate::state::AppState;

/// Filter of the audit log.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Only events caused by this user.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[param(value_type = Option<Id>)]
    actor_id: Option<UserId>,
    /// Only events about the subject with this id.
    subject_id: Option<String>,
}

/// The audit log.
///
/// Changes of users, keys, groups, rules and models, and reads of other users' conversations by admins, latest first.
/// Entries are never changed, and are kept after their subject is deleted.
#[utoipa::path(
    get, path = "/audit/events", tag = "audit",
    params(AuditParams, PageParams),
    responses((status = 200, body = PageDto<AuditEventDto>, description = "A page of entries")),
)]
pub(crate) async fn list_events(
    state: Data<AppState>,
    caller: Caller,
    query: Query<(AuditParams, PageParams)>,
) -> Result<HttpResponse, Problem> {
    let Query((AuditParams { actor_id, subject_id }, page)) = query;
    let list = ListAuditEvents { actor_id, subject_id, limit: page.limit, after: page.after()? };
    let page = state.call(move |runtime| async move { runtime.audit_events(&caller.0, list).await }).await?;
    Ok(HttpResponse::Ok().json(PageDto::<AuditEventDto>::bounded(page.rows, |event| event.id, page.next)))
}
