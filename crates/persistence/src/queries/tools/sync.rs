//! Syncing tools from files.

use causerie_domain::ToolId;
use causerie_domain::ports::{NewToolVersion, ToolError, ToolSync};
use diesel::prelude::*;

use super::super::{Conn, RunQueryDsl};
use crate::error::{QueryError, TransactionError};
use crate::rows::checked_text;
use crate::schema::{tool_versions, tools};
use crate::types::id_param;

/// Origin of a tool from a file. A sync disables only tools of this origin.
pub(super) const ORIGIN_FILE: &str = "file";

type Refusal = TransactionError<ToolError>;

pub(crate) async fn sync(conn: &mut Conn, files: &[NewToolVersion]) -> Result<ToolSync, Refusal> {
    // Sorted, so that instances that start at the same time do not deadlock.
    let mut files: Vec<&NewToolVersion> = files.iter().collect();
    files.sort_by(|one, other| one.slug.cmp(&other.slug));
    let mut sync = ToolSync::default();
    for file in &files {
        let tool = lock_tool(conn, file).await?;
        if store_version(conn, file, tool).await? {
            sync.updated.push(file.slug.clone());
        }
    }
    let kept: Vec<&str> = files.iter().map(|file| file.slug.as_str()).collect();
    sync.disabled = disable_others(conn, kept).await?;
    Ok(sync)
}

/// Creates the tool of a file if its slug is new, enables it and locks it until the transaction ends.
async fn lock_tool(conn: &mut Conn, file: &NewToolVersion) -> Result<ToolId, Refusal> {
    diesel::insert_into(tools::table)
        .values((
            tools::id.eq(id_param(file.tool_id)),
            tools::slug.eq(checked_text("tools.slug", &file.slug)?),
            tools::tool_type.eq(file.tool_type.as_str()),
            tools::origin.eq(ORIGIN_FILE),
            tools::group_id.eq(file.group_id.map(id_param)),
            tools::owner_id.eq(file.owner_id.map(id_param)),
            tools::enabled.eq(true),
            tools::latest_ordinal.eq(0),
            tools::created_at.eq(file.created_at.as_micros()),
        ))
        .on_conflict(tools::slug)
        .do_nothing()
        .apply(conn)
        .await?;
    let tool: Option<ToolId> = diesel::update(tools::table)
        .filter(tools::slug.eq(&file.slug))
        .filter(tools::origin.eq(ORIGIN_FILE))
        .set((tools::enabled.eq(true), tools::tool_type.eq(file.tool_type.as_str())))
        .returning(tools::id)
        .get_result(conn)
        .await
        .optional()?;
    tool.ok_or_else(|| TransactionError::Refused(ToolError::SlugTaken { slug: file.slug.clone() }))
}

/// Stores a version of a tool that the caller has locked. Returns whether the version is new.
pub(super) async fn store_version(
    conn: &mut Conn,
    file: &NewToolVersion,
    tool: ToolId,
) -> Result<bool, Refusal> {
    let known: Option<String> = tool_versions::table
        .filter(tool_versions::tool_id.eq(id_param(tool)))
        .filter(tool_versions::version.eq(&file.version))
        .select(tool_versions::content_hash)
        .first(conn)
        .await
        .optional()?;
    match known {
        Some(hash) if hash == file.content_hash => return Ok(false),
        Some(_) => {
            let (slug, version) = (file.slug.clone(), file.version.clone());
            return Err(TransactionError::Refused(ToolError::VersionConflict { slug, version }));
        }
        None => {}
    }
    let ordinal: i64 = diesel::update(tools::table.filter(tools::id.eq(id_param(tool))))
        .set(tools::latest_ordinal.eq(tools::latest_ordinal + 1))
        .returning(tools::latest_ordinal)
        .get_result(conn)
        .await?;
    diesel::insert_into(tool_versions::table)
        .values((
            tool_versions::id.eq(id_param(file.version_id)),
            tool_versions::tool_id.eq(id_param(tool)),
            tool_versions::ordinal.eq(ordinal),
            tool_versions::version.eq(checked_text("tool_versions.version", &file.version)?),
            tool_versions::title.eq(checked_text("tool_versions.title", &file.title)?),
            tool_versions::definition.eq(checked_text("tool_versions.definition", &file.definition)?),
            tool_versions::content_hash.eq(&file.content_hash),
            tool_versions::created_by.eq(file.owner_id.map(id_param)),
            tool_versions::created_at.eq(file.created_at.as_micros()),
        ))
        .apply(conn)
        .await?;
    Ok(true)
}

/// Disables the tools of missing files. Returns the slugs of those that were enabled.
async fn disable_others(conn: &mut Conn, kept: Vec<&str>) -> Result<Vec<String>, QueryError> {
    let mut disabled: Vec<String> = diesel::update(tools::table)
        .filter(tools::origin.eq(ORIGIN_FILE))
        .filter(tools::enabled.eq(true))
        .filter(tools::slug.ne_all(kept))
        .set(tools::enabled.eq(false))
        .returning(tools::slug)
        .get_results(conn)
        .await?;
    disabled.sort();
    Ok(disabled)
}
