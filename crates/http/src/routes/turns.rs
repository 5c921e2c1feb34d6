//! The state of a turn, and its cancellation.

use actix_web::HttpResponse;
use actix_web::web::Data;
use causerie_domain::{SessionId, TurnId};

use crate::auth::Caller;
use crate::dto::Id;
use crate::dto::turns::{TurnAnswer, TurnDto};
use crate::error::Problem;
use crate::request::PathId;
use crate::state::AppState;

/// A turn.
///
/// Its status, its context, and the reason of a failure.
#[utoipa::path(
    get, path = "/turns/{id}", tag = "turns",
    params(("id" = Id, Path, description = "The turn")),
    responses((status = 200, body = TurnDto, description = "The turn")),
)]
pub(crate) async fn get_turn(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<TurnId>,
) -> Result<HttpResponse, Problem> {
    let turn = state.call(move |runtime| async move { runtime.turn(&caller.0, id.0).await }).await?;
    Ok(HttpResponse::Ok().json(TurnDto::from(turn)))
}

/// Cancel the running turn.
///
/// The text so far is kept. The response contains the turn after the cancellation, or null if none is running.
#[utoipa::path(
    post, path = "/sessions/{id}/cancel", tag = "turns",
    params(("id" = Id, Path, description = "The session")),
    responses((status = 200, body = TurnAnswer, description = "The cancelled turn")),
)]
pub(crate) async fn cancel_turn(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
) -> Result<HttpResponse, Problem> {
    let turn = state.call(move |runtime| async move { runtime.cancel(&caller.0, id.0).await }).await?;
    Ok(HttpResponse::Ok().json(TurnAnswer { turn: turn.map(TurnDto::from) }))
}
