//! Tools and their versions.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Data, Path};
use causerie_domain::GroupId;
use causerie_domain::page::{PageRequest, fitting_rows};
use causerie_domain::ports::ToolVersionCursor;
use causerie_runtime::PublishTool;
use serde::Deserialize;

use crate::auth::Caller;
use crate::dto::tools::{ToolCursor, ToolDetailDto, ToolDto, ToolVersionDto};
use crate::dto::{Id, PageDto, input, json_size};
use crate::error::Problem;
use crate::request::{Definition, PageParams, Pagination, Query};
use crate::state::AppState;

/// The tools.
///
/// The tools that you may see, ordered by slug, each in its current version.
#[utoipa::path(
    get, path = "/tools", tag = "tools",
    params(PageParams),
    responses((status = 200, body = PageDto<ToolDto>, description = "A page of tools")),
)]
pub(crate) async fn list_tools(
    state: Data<AppState>,
    caller: Caller,
    page: Pagination<ToolCursor>,
) -> Result<HttpResponse, Problem> {
    let page = page.map_cursor(|ToolCursor(slug)| slug);
    let tools = state.call(move |runtime| async move { runtime.tools(&caller.0, page).await }).await?;
    let next = tools.next.map(ToolCursor);
    Ok(HttpResponse::Ok().json(PageDto::<ToolDto>::new(tools.rows, next.as_ref())))
}

/// A tool.
///
/// Its current version, with the whole definition.
#[utoipa::path(
    get, path = "/tools/{slug}", tag = "tools",
    params(("slug" = String, Path, description = "The tool's slug")),
    responses((status = 200, body = ToolDetailDto, description = "The tool")),
)]
pub(crate) async fn get_tool(
    state: Data<AppState>,
    caller: Caller,
    slug: Path<String>,
) -> Result<HttpResponse, Problem> {
    let slug = slug_of(slug);
    let tool = state.call(move |runtime| async move { runtime.tool(&caller.0, &slug).await }).await?;
    let detail = ToolDetailDto::try_from(tool).map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().json(detail))
}

/// Parameters of a posted tool.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PostToolParams {
    /// The group that may use the tool; all users if absent.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[param(value_type = Option<Id>)]
    group_id: Option<GroupId>,
}

/// Post a tool.
///
/// Creates a tool, or a new version of a posted tool; a version never changes. Posting the same content again only
/// enables the tool. Tools that are defined in files are changed through their files.
#[utoipa::path(
    post, path = "/tools", tag = "tools",
    params(PostToolParams),
    request_body(
        content((Map<String, Value> = "application/json"), (String = "application/yaml")),
        description = "The definition in the format of tool files, at most 256 KiB",
    ),
    responses(
        (
            status = 201, body = ToolDetailDto, description = "The tool in its new version",
            headers(("location" = String, description = "URL of the tool")),
        ),
        (status = 200, body = ToolDetailDto, description = "The tool; the version existed already"),
        (
            status = 409,
            description = "`version_conflict`: the version exists with different content; `name_taken`: the name \
                belongs to a tool from a file, to a tool of another group, or to one that you may not change",
        ),
        (status = 413, description = "`tool_too_large`, or `payload_too_large` beyond the limit of all bodies"),
        (status = 415, description = "The body is neither JSON nor YAML"),
    ),
)]
pub(crate) async fn post_tool(
    state: Data<AppState>,
    caller: Caller,
    query: Query<PostToolParams>,
    body: Definition,
) -> Result<HttpResponse, Problem> {
    state.creations().charge(&caller.0, body.text.len() as u64);
    let post = PublishTool { format: body.format, text: body.text.to_vec(), group_id: query.0.group_id };
    let (tool, is_new) =
        state.call(move |runtime| async move { runtime.publish_tool(&caller.0, post).await }).await?;
    let location = (header::LOCATION, format!("/tools/{}", tool.slug));
    let detail = ToolDetailDto::try_from(tool).map_err(Problem::internal)?;
    let mut response = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(response.insert_header(location).json(detail))
}

/// The versions of a tool.
///
/// Newest first, each with its definition.
#[utoipa::path(
    get, path = "/tools/{slug}/versions", tag = "tools",
    params(("slug" = String, Path, description = "The tool's slug"), PageParams),
    responses((status = 200, body = PageDto<ToolVersionDto>, description = "A page of versions")),
)]
pub(crate) async fn list_versions(
    state: Data<AppState>,
    caller: Caller,
    slug: Path<String>,
    page: Pagination<ToolVersionCursor>,
) -> Result<HttpResponse, Problem> {
    let slug = slug_of(slug);
    let mut request = page.0;
    let (mut rows, mut next) = read_versions(&state, &caller, &slug, request.clone()).await?;
    let fitting = fitting_rows(rows.iter().map(json_size));
    if fitting < rows.len() {
        // A shorter page has a cursor of its own.
        request.limit = u32::try_from(fitting).unwrap_or(request.limit);
        (rows, next) = read_versions(&state, &caller, &slug, request).await?;
    }
    Ok(HttpResponse::Ok().json(PageDto::<ToolVersionDto>::new(rows, next.as_ref())))
}

async fn read_versions(
    state: &AppState,
    caller: &Caller,
    slug: &str,
    page: PageRequest<ToolVersionCursor>,
) -> Result<(Vec<ToolVersionDto>, Option<ToolVersionCursor>), Problem> {
    let (caller, slug) = (caller.clone(), slug.to_owned());
    let page =
        state.call(move |runtime| async move { runtime.tool_versions(&caller.0, slug, page).await }).await?;
    let rows = page.rows.into_iter().map(ToolVersionDto::try_from).collect::<Result<_, _>>();
    Ok((rows.map_err(Problem::internal)?, page.next))
}

/// Disable a tool.
///
/// New sessions and messages can no longer use the tool; nothing is deleted. A tool that is defined in a file is enabled
/// again when the file is next read: at the start of the server, or at SIGHUP.
#[utoipa::path(
    delete, path = "/tools/{slug}", tag = "tools",
    params(("slug" = String, Path, description = "The tool's slug")),
    responses((status = 204, description = "The tool is disabled")),
)]
pub(crate) async fn delete_tool(
    state: Data<AppState>,
    caller: Caller,
    slug: Path<String>,
) -> Result<HttpResponse, Problem> {
    let slug = slug_of(slug);
    state.call(move |runtime| async move { runtime.disable_tool(&caller.0, &slug).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Returns the slug of a path. No slug contains U+0000, and PostgreSQL refuses it in queries.
fn slug_of(slug: Path<String>) -> String {
    slug.into_inner().replace('\0', "\u{fffd}")
}
