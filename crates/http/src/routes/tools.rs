//! Tools and their versions.

use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use causerie_domain::ports::ToolVersionCursor;
use causerie_runtime::PublishTool;

use crate::auth::Caller;
use crate::dto::{Id, PageDto, ToolCursor, ToolDetailDto, ToolDto, ToolVersionDto};
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
    let tools = state.call(move |runtime| async move { runtime.tools(&caller.0).await }).await?;
    let page: PageDto<ToolDto> = PageDto::cut(tools, |tool| ToolCursor(tool.slug.clone()), page.0);
    Ok(HttpResponse::Ok().json(page))
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
    let slug = known_slug(slug);
    let tool = state.call(move |runtime| async move { runtime.tool(&caller.0, &slug).await }).await?;
    let detail = ToolDetailDto::try_from(tool).map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().json(detail))
}

/// Post a tool.
///
/// Creates a tool, or a new version of a posted tool; a version never changes. Posting the same content again only
/// enables the tool. Tools that are defined in files are changed through their files.
#[utoipa::path(
    post, path = "/tools", tag = "tools",
    params(("group_id" = Option<Id>, Query, description = "The group that the tool is for; everyone without one")),
    request_body(
        content((serde_json::Value = "application/json"), (String = "application/yaml")),
        description = "The definition, as a tool file has it, at most 256 KiB",
    ),
    responses(
        (
            status = 201, body = ToolDetailDto, description = "The tool in its new version",
            headers(("location" = String, description = "URL of the tool")),
        ),
        (status = 200, body = ToolDetailDto, description = "The tool, which had this version already"),
        (
            status = 409,
            description = "`version_conflict`: the version exists with another content; `name_taken`: the name \
                belongs to a tool of a file, of another group, or one that you may not change",
        ),
        (status = 413, description = "`tool_too_large`, or `payload_too_large` beyond what any body may have"),
        (status = 415, description = "The body is neither JSON nor YAML"),
    ),
)]
pub(crate) async fn post_tool(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    body: Definition,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let post =
        PublishTool { format: body.format, text: body.text.to_vec(), group_id: query.read("group_id")? };
    query.finish()?;
    let (tool, is_new) =
        state.call(move |runtime| async move { runtime.publish_tool(&caller.0, post).await }).await?;
    let location = (header::LOCATION, format!("/tools/{}", tool.slug));
    let detail = ToolDetailDto::try_from(tool).map_err(Problem::internal)?;
    let mut answer = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(answer.insert_header(location).json(detail))
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
    let slug = known_slug(slug);
    let page = state
        .call(move |runtime| async move { runtime.tool_versions(&caller.0, slug, page.0).await })
        .await?;
    let rows: Vec<ToolVersionDto> = page
        .rows
        .into_iter()
        .map(ToolVersionDto::try_from)
        .collect::<Result<_, _>>()
        .map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().json(PageDto::<ToolVersionDto>::new(rows, page.next.as_ref())))
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
    let slug = known_slug(slug);
    state.call(move |runtime| async move { runtime.disable_tool(&caller.0, &slug).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The slug of a path. No slug contains U+0000, and PostgreSQL refuses it in queries.
fn known_slug(slug: Path<String>) -> String {
    slug.into_inner().replace('\0', "\u{fffd}")
}
