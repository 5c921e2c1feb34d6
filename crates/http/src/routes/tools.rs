//! Tools: which there are, and what each is made of.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::auth::Caller;
use crate::dto::{PageDto, PageOf, ToolDetailDto, ToolDto, ToolKey};
use crate::error::Problem;
use crate::request::PageParams;
use crate::state::AppState;

/// The tools.
///
/// Those that you may see, by slug, each in its current version.
#[utoipa::path(
    get, path = "/tools", tag = "tools",
    params(PageParams),
    responses((status = 200, body = PageDto<ToolDto>, description = "A page of tools")),
)]
pub(crate) async fn list_tools(
    state: Data<AppState>,
    caller: Caller,
    page: PageOf<ToolKey>,
) -> Result<HttpResponse, Problem> {
    let tools = state.call(move |runtime| async move { runtime.tools(&caller.0).await }).await?;
    let page: PageDto<ToolDto> = PageDto::cut(tools, |tool| ToolKey(tool.slug.clone()), page.0);
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

/// The slug of a path. None holds U+0000, and one of the databases refuses to be asked for it.
pub(super) fn known_slug(slug: Path<String>) -> String {
    slug.into_inner().replace('\0', "\u{fffd}")
}
