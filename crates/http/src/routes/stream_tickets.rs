//! Tickets for clients that cannot send a header.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use causerie_domain::SessionId;

use crate::auth::Caller;
use crate::dto::Id;
use crate::dto::stream_tickets::TicketDto;
use crate::error::Problem;
use crate::request::PathId;
use crate::state::AppState;

/// Create a ticket for the stream of a session.
///
/// For clients such as `EventSource` that cannot send a header. The ticket is accepted in the query of the two routes
/// that follow a stream, and nowhere else. It is valid while its turn is running and for a minute afterwards; its turn
/// is the running one, or the first one that starts within a minute.
#[utoipa::path(
    post, path = "/sessions/{id}/stream-tickets", tag = "streams",
    params(("id" = Id, Path, description = "The session")),
    responses((status = 201, body = TicketDto, description = "The ticket, which only this response contains")),
)]
pub(crate) async fn issue_ticket(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
) -> Result<HttpResponse, Problem> {
    let principal = caller.clone();
    let stream = state
        .call(move |runtime| async move { runtime.stream_ticket_scope(&principal.0, id.0).await })
        .await?;
    let authenticator = std::sync::Arc::clone(state.authenticator());
    let issuing = async move { authenticator.issue_ticket(&caller.0, id.0, stream).await };
    let ticket = state.main().run(issuing).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(TicketDto::from(&ticket)))
}
