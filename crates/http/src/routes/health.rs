//! Whether the process lives, whether it can serve, and what it serves.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Code, Problem};
use crate::state::AppState;

/// That all is well.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Liveness.
///
/// Answers as long as the process can answer at all.
#[utoipa::path(
    get, path = "/healthz", tag = "operation",
    responses((status = 200, body = Health, description = "The process lives")),
)]
pub(crate) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(OK)
}

/// Readiness.
///
/// Whether the store answers with the migrations of this program, and the process is not about to stop.
#[utoipa::path(
    get, path = "/readyz", tag = "operation",
    responses((status = 200, body = Health, description = "The process can serve")),
)]
pub(crate) async fn readyz(state: Data<AppState>) -> Result<HttpResponse, Problem> {
    if state.runtime().is_draining() {
        return Err(Problem::new(Code::ShuttingDown, "the server begins no turn any more"));
    }
    let health = Arc::clone(state.health());
    state.main().run(async move { health.check().await }).await?;
    Ok(HttpResponse::Ok().json(OK))
}

/// This document.
///
/// The OpenAPI document of the running program.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operation",
    responses((status = 200, body = Object, description = "An OpenAPI 3.1 document")),
)]
pub(crate) async fn openapi(state: Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(state.document())
}
