//! Auditing: what conversations there are and what they cost, and never what is said in them.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use causerie_runtime::AuditSessions;

use crate::auth::Caller;
use crate::dto::{AuditKey, PageDto, PageKey as _, SessionAuditDto};
use crate::error::Problem;
use crate::request::{PageParams, Query};
use crate::state::AppState;

/// The sessions that you may audit.
///
/// Newest activity first: who, when, which tool, tokens and cost. Never titles, never what was said. Deleted
/// sessions are not there; what they cost is in the usage.
#[utoipa::path(
    get, path = "/audit/sessions", tag = "usage",
    params(
        ("tool" = Option<String>, Query, description = "Only sessions with this tool, by its slug or its id"),
        ("user" = Option<String>, Query, description = "Only sessions of this user, by its id"),
        ("group" = Option<String>, Query, description = "Only sessions of this group, by its id"),
        PageParams,
    ),
    responses((status = 200, body = PageDto<SessionAuditDto>, description = "A page of sessions")),
)]
pub(crate) async fn audit_sessions(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let list = AuditSessions {
        tool: query.text("tool"),
        user_id: query.read("user")?,
        group_id: query.read("group")?,
        limit: query.limit()?,
        after: AuditKey::of(&mut query)?.map(|key| key.0),
    };
    query.finish()?;
    let page =
        state.call(move |runtime| async move { runtime.audit_sessions(&caller.0, list).await }).await?;
    let next = page.next.map(AuditKey);
    Ok(HttpResponse::Ok().json(PageDto::<SessionAuditDto>::new(page.rows, next.as_ref())))
}
