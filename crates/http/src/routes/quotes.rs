//! The quote of a send.

use actix_web::HttpResponse;
use actix_web::web::Data;
use causerie_domain::SessionId;

use crate::auth::Caller;
use crate::dto::Id;
use crate::dto::messages::SendMessageBody;
use crate::dto::quotes::QuoteDto;
use crate::error::Problem;
use crate::request::{Json, PathId};
use crate::state::AppState;

/// Quote a send.
///
/// What the send of this message would be and cost. Nothing is stored, no request is sent to the upstream, and the quote
/// does not count against the limit of sends. The number of messages and the estimate of a send that follows are the
/// same. A send that would be refused has the response 200, with `refusal`.
#[utoipa::path(
    post, path = "/sessions/{id}/quote", tag = "messages",
    params(("id" = Id, Path, description = "The session")),
    request_body(content = SendMessageBody, description = "The message"),
    responses((status = 200, body = QuoteDto, description = "The quote")),
)]
pub(crate) async fn quote(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
    body: Json<SendMessageBody>,
) -> Result<HttpResponse, Problem> {
    let rate_limited = state.sends().check(&caller.0).err().map(Problem::from);
    let message = body.0.into();
    let quote =
        state.call(move |runtime| async move { runtime.quote(&caller.0, id.0, message).await }).await?;
    Ok(HttpResponse::Ok().json(QuoteDto::new(quote, rate_limited)))
}
