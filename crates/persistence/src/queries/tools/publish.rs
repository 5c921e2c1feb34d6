//! Publishing tools through the API, and disabling tools.

use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::filter::{Predicate, Scalar};
use causerie_domain::ports::{NewToolVersion, ToolError};
use causerie_domain::subjects::ToolField;
use causerie_domain::tools::Tool;
use causerie_domain::{Filter, ToolId};
use diesel::prelude::*;
use serde_json::json;

use super::super::audit_events::{AuditEntry, record};
use super::super::{Conn, RunQueryDsl, filters};
use super::read;
use super::sync::store_version;
use crate::error::{QueryError, TransactionError, corrupt, is_foreign_key_violation};
use crate::rows::checked_text;
use crate::schema::tools;
use crate::types::id_param;

/// Origin of a tool that was posted. Posted tools and tools of files cannot take each other's slugs.
const ORIGIN_POSTED: &str = "posted";

type Refusal = TransactionError<ToolError>;

pub(crate) async fn publish(
    conn: &mut Conn,
    (new, allowed, stamp): &(NewToolVersion, Filter, AuditStamp),
) -> Result<(Tool, bool), Refusal> {
    insert_tool(conn, new).await.map_err(|error| match error {
        QueryError::Database(error) if is_foreign_key_violation(&error) => {
            TransactionError::Refused(ToolError::NoSuchGroup)
        }
        other => TransactionError::Failed(other),
    })?;
    let tool = lock_tool(conn, new, allowed).await?;
    let is_new = store_version(conn, new, tool).await?;
    let detail = json!({ "slug": new.slug, "version": new.version });
    record(conn, stamp, AuditEntry { action: AuditAction::ToolPost, of: ("Tool", &tool), detail }).await?;
    let stored = read::by_slug(conn, &(new.slug.clone(), Filter::Everything)).await?;
    let stored = stored.ok_or_else(|| corrupt(format!("tool {} is missing", new.slug)))?;
    Ok((stored, is_new))
}

/// Disables a tool. Its sessions can still be read, and accept no messages.
pub(crate) async fn disable(
    conn: &mut Conn,
    (slug, allowed, stamp): &(String, Filter, AuditStamp),
) -> Result<bool, QueryError> {
    let disabled: Option<ToolId> =
        diesel::update(tools::table.filter(tools::slug.eq(slug)).filter(filters::on_tools(allowed)?))
            .set(tools::enabled.eq(false))
            .returning(tools::id)
            .get_result(conn)
            .await
            .optional()?;
    let Some(tool) = disabled else { return Ok(false) };
    let detail = json!({ "slug": slug });
    record(conn, stamp, AuditEntry { action: AuditAction::ToolDisable, of: ("Tool", &tool), detail }).await?;
    Ok(true)
}

/// Creates the tool if the slug is new.
async fn insert_tool(conn: &mut Conn, new: &NewToolVersion) -> Result<(), QueryError> {
    diesel::insert_into(tools::table)
        .values((
            tools::id.eq(id_param(new.tool_id)),
            tools::slug.eq(checked_text("tools.slug", &new.slug)?),
            tools::tool_type.eq(new.tool_type.as_str()),
            tools::origin.eq(ORIGIN_POSTED),
            tools::group_id.eq(new.group_id.map(id_param)),
            tools::owner_id.eq(new.owner_id.map(id_param)),
            tools::enabled.eq(true),
            tools::latest_ordinal.eq(0),
            tools::created_at.eq(new.created_at.as_micros()),
        ))
        .on_conflict(tools::slug)
        .do_nothing()
        .apply(conn)
        .await?;
    Ok(())
}

/// Enables the tool with this slug and locks it until the transaction ends. It must be a posted tool of this group that
/// matches the filter. The owner remains the user who posted it first.
async fn lock_tool(conn: &mut Conn, new: &NewToolVersion, allowed: &Filter) -> Result<ToolId, Refusal> {
    let group = match new.group_id {
        Some(id) => Predicate::Equals(Scalar::Uuid(id.as_uuid())),
        None => Predicate::IsNull,
    };
    let of_group = Filter::all([allowed.clone(), Filter::field(ToolField::GroupId, group)]);
    let tool: Option<ToolId> = diesel::update(
        tools::table
            .filter(tools::slug.eq(&new.slug))
            .filter(tools::origin.eq(ORIGIN_POSTED))
            .filter(filters::on_tools(&of_group)?),
    )
    .set((tools::enabled.eq(true), tools::tool_type.eq(new.tool_type.as_str())))
    .returning(tools::id)
    .get_result(conn)
    .await
    .optional()?;
    tool.ok_or_else(|| TransactionError::Refused(ToolError::SlugTaken { slug: new.slug.clone() }))
}
