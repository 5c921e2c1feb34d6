//! Models of the catalogue and their prices.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use causerie_domain::models::Model;

use crate::auth::Caller;
use crate::dto::PageDto;
use crate::dto::models::{ChangeModelBody, ModelCursor, ModelDto, ModelSyncDto};
use crate::error::Problem;
use crate::request::{Json, PageParams, Pagination};
use crate::state::AppState;

/// The models.
///
/// The models that you may see, ordered by id, with their current prices.
#[utoipa::path(
    get, path = "/models", tag = "models",
    params(PageParams),
    responses((status = 200, body = PageDto<ModelDto>, description = "A page of models")),
)]
pub(crate) async fn list_models(
    state: Data<AppState>,
    caller: Caller,
    page: Pagination<ModelCursor>,
) -> Result<HttpResponse, Problem> {
    let page = page.map_cursor(|ModelCursor(id)| id);
    let models = state.call(move |runtime| async move { runtime.models(&caller.0, page).await }).await?;
    let key = |model: &Model| ModelCursor(model.catalog.id.clone());
    Ok(HttpResponse::Ok().json(PageDto::<ModelDto>::bounded(models.rows, key, models.next.map(ModelCursor))))
}

/// Synchronize the catalogue.
///
/// Reads the upstream's catalogue now instead of at the daily time. If it fails, the previous catalogue stays in use.
#[utoipa::path(
    post, path = "/models/sync", tag = "models",
    responses(
        (status = 200, body = ModelSyncDto, description = "The catalogue is synchronized"),
        (status = 502, description = "The upstream cannot be understood, or refuses this server"),
        (status = 504, description = "The upstream timed out"),
    ),
)]
pub(crate) async fn sync_models(state: Data<AppState>, caller: Caller) -> Result<HttpResponse, Problem> {
    let update = state.call(move |runtime| async move { runtime.sync_models(&caller.0).await }).await?;
    Ok(HttpResponse::Ok().json(ModelSyncDto { models: update.stored, rejected: update.rejected }))
}

/// Change a model.
///
/// Enables or disables a model, or restricts it to a group. The id is the rest of the path, including slashes. Other
/// instances apply the change within a minute.
#[utoipa::path(
    patch, path = "/models/{id}", tag = "models",
    params(("id" = String, Path, description = "The model's id, such as `anthropic/claude-sonnet-4.5`")),
    request_body(content = ChangeModelBody, description = "What to change"),
    responses((status = 200, body = ModelDto, description = "The model")),
)]
pub(crate) async fn change_model(
    state: Data<AppState>,
    caller: Caller,
    id: Path<String>,
    body: Json<ChangeModelBody>,
) -> Result<HttpResponse, Problem> {
    // No id contains U+0000, and PostgreSQL refuses it in queries.
    let id = id.into_inner().replace('\0', "\u{fffd}");
    let change = body.0.into();
    let model = state
        .administer(move |runtime| async move { runtime.change_model(&caller.0, &id, change).await })
        .await?;
    Ok(HttpResponse::Ok().json(ModelDto::from(model)))
}
