//! Liveness, readiness, and the OpenAPI document.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Code, Problem};
use crate::state::{AppState, DocumentWriter};

/// The state of a healthy process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

/// Liveness.
///
/// Responds as long as the process is running.
#[utoipa::path(
    get, path = "/healthz", tag = "operation",
    responses((status = 200, body = Health, description = "The process is running")),
)]
pub(crate) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(OK)
}

/// Readiness.
///
/// Checks that the store is available, has the migrations of this program and can be written, and that the process is
/// not shutting down.
#[utoipa::path(
    get, path = "/readyz", tag = "operation",
    responses((status = 200, body = Health, description = "The process is ready")),
)]
pub(crate) async fn readyz(state: Data<AppState>) -> Result<HttpResponse, Problem> {
    if state.runtime().is_draining() {
        return Err(Problem::new(Code::ShuttingDown, "the server is draining and starts no turns"));
    }
    let health = Arc::clone(state.health());
    state.main().run(async move { health.check().await }).await?;
    let health = Arc::clone(state.health());
    state.main().run(async move { health.check_writes().await }).await?;
    Ok(HttpResponse::Ok().json(OK))
}

/// This document.
///
/// The OpenAPI document of the running program.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operation",
    responses((status = 200, body = Object, description = "An OpenAPI 3.1 document")),
)]
pub(crate) async fn openapi(state: Data<AppState>, writer: Data<DocumentWriter>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(state.document(&writer))
}
