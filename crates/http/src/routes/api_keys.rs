//! API keys. A key cannot be changed, only revoked and replaced.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use causerie_domain::ApiKeyId;

use crate::auth::{Caller, KeyMaterial};
use crate::dto::api_keys::{ApiKeyDto, CreateApiKeyBody, CreatedApiKeyDto};
use crate::dto::{Id, PageDto};
use crate::error::Problem;
use crate::request::{Json, PageParams, Pagination, PathId};
use crate::state::AppState;

/// Create an API key.
///
/// The key is your own; administrators may name another user. Only this response contains its secret. A key that is
/// created with another key never has more rights than that key, and never lives longer.
#[utoipa::path(
    post, path = "/api-keys", tag = "api-keys",
    request_body(content = CreateApiKeyBody, description = "The key to create"),
    responses((
        status = 201, body = CreatedApiKeyDto, description = "The key, with its secret",
        headers(("location" = String, description = "URL of the key, without its secret")),
    )),
)]
pub(crate) async fn create_api_key(
    state: Data<AppState>,
    caller: Caller,
    body: Json<CreateApiKeyBody>,
) -> Result<HttpResponse, Problem> {
    let material = KeyMaterial::generate(|bytes| state.entropy().fill(bytes)).map_err(Problem::internal)?;
    let new = body.0.with_key(&material);
    let key =
        state.administer(move |runtime| async move { runtime.create_api_key(&caller.0, new).await }).await?;
    let location = format!("/api-keys/{}", key.id);
    let created = CreatedApiKeyDto::new(key, &material.credential());
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(created))
}

/// The API keys.
///
/// The keys that you may see, ordered by id, including revoked and expired ones.
#[utoipa::path(
    get, path = "/api-keys", tag = "api-keys",
    params(PageParams),
    responses((status = 200, body = PageDto<ApiKeyDto>, description = "A page of keys")),
)]
pub(crate) async fn list_api_keys(
    state: Data<AppState>,
    caller: Caller,
    page: Pagination<ApiKeyId>,
) -> Result<HttpResponse, Problem> {
    let page = state.call(move |runtime| async move { runtime.api_keys(&caller.0, page.0).await }).await?;
    Ok(HttpResponse::Ok().json(PageDto::<ApiKeyDto>::bounded(page.rows, |key| key.id, page.next)))
}

/// An API key.
///
/// Without its secret, which is not stored.
#[utoipa::path(
    get, path = "/api-keys/{id}", tag = "api-keys",
    params(("id" = Id, Path, description = "The key")),
    responses((status = 200, body = ApiKeyDto, description = "The key")),
)]
pub(crate) async fn get_api_key(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<ApiKeyId>,
) -> Result<HttpResponse, Problem> {
    let key = state.call(move |runtime| async move { runtime.api_key(&caller.0, id.0).await }).await?;
    Ok(HttpResponse::Ok().json(ApiKeyDto::from(key)))
}

/// Revoke an API key.
///
/// The key is refused at once by this instance, and within 5 seconds by others. Revoking it again has no effect.
#[utoipa::path(
    delete, path = "/api-keys/{id}", tag = "api-keys",
    params(("id" = Id, Path, description = "The key")),
    responses((status = 204, description = "The key is revoked")),
)]
pub(crate) async fn revoke_api_key(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<ApiKeyId>,
) -> Result<HttpResponse, Problem> {
    state.administer(move |runtime| async move { runtime.revoke_api_key(&caller.0, id.0).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}
