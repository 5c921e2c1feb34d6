//! The state of a turn, what it sent to the model, and its cancellation.

use std::str::FromStr;

use actix_web::HttpResponse;
use actix_web::web::Data;
use causerie_domain::{SessionId, TurnId};
use causerie_runtime::IncludedBodies;
use serde::Deserialize;

use crate::auth::Caller;
use crate::dto::turn_contexts::TurnContextDto;
use crate::dto::turns::{TurnAnswer, TurnDto};
use crate::dto::{Id, input};
use crate::error::Problem;
use crate::request::{PathId, Query};
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

/// Selects the bodies of an explanation.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ContextParams {
    /// `body`: adds the body of each request, exactly as it was sent.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[param(inline)]
    include: Option<ContextPart>,
    /// Only the body of this attempt, from 1.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[param(value_type = Option<i64>, minimum = 0, maximum = 4_294_967_295_i64)]
    attempt: Option<u32>,
}

/// Optional part of an explanation.
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum ContextPart {
    Body,
}

impl FromStr for ContextPart {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "body" => Ok(ContextPart::Body),
            _ => Err("it is not `body`"),
        }
    }
}

/// What a turn sent to the model.
///
/// The messages of the last request, the messages that were left out, the parameters, and each attempt with its clocks,
/// outcome, prices, cost, and the SHA-256 of its request's body. With `?include=body` an attempt also has the body itself,
/// byte for byte, or the reason for which it cannot be built again. Marks that messages got later (`superseded_by`) do
/// not change an explanation.
#[utoipa::path(
    get, path = "/turns/{id}/context", tag = "turns",
    params(("id" = Id, Path, description = "The turn"), ContextParams),
    responses((status = 200, body = TurnContextDto, description = "The explanation")),
)]
pub(crate) async fn get_turn_context(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<TurnId>,
    query: Query<ContextParams>,
) -> Result<HttpResponse, Problem> {
    let bodies = match query.0 {
        ContextParams { include: None, .. } => IncludedBodies::None,
        ContextParams { include: Some(ContextPart::Body), attempt: Some(attempt) } => {
            IncludedBodies::Attempt(attempt)
        }
        ContextParams { include: Some(ContextPart::Body), attempt: None } => IncludedBodies::All,
    };
    let context =
        state.call(move |runtime| async move { runtime.turn_context(&caller.0, id.0, bodies).await }).await?;
    Ok(HttpResponse::Ok().json(TurnContextDto::from(context)))
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
