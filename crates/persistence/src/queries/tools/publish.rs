//! Tools that are posted rather than kept in files, and the end of a tool.

use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::filter::{Predicate, Scalar};
use causerie_domain::ports::{NewToolVersion, ToolError};
use causerie_domain::tools::Tool;
use causerie_domain::{Filter, ToolId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use super::super::audit_events::{Entry, record};
use super::super::{Conn, filters};
use super::read;
use super::sync::store_version;
use crate::error::{Abort, Fault, corrupt, is_dangling};
use crate::rows::text;
use crate::schema::tools;
use crate::types::key;

/// Where a tool comes from that was posted: no file may take its name, and it may take no file's.
const POSTED: &str = "posted";

type Refusal = Abort<ToolError>;

pub(crate) async fn post(
    conn: &mut Conn,
    (new, allowed, stamp): &(NewToolVersion, Filter, AuditStamp),
) -> Result<(Tool, bool), Refusal> {
    insert_tool(conn, new).await.map_err(|fault| match fault {
        Fault::Database(error) if is_dangling(&error) => Abort::Refused(ToolError::NoSuchGroup),
        other => Abort::Failed(other),
    })?;
    let tool = take_tool(conn, new, allowed).await?;
    let is_new = store_version(conn, new, tool).await?;
    let detail = json!({ "slug": new.slug, "version": new.version });
    record(conn, stamp, Entry { action: AuditAction::ToolPost, of: ("Tool", &tool), detail }).await?;
    let stored = read::by_slug(conn, &(new.slug.clone(), Filter::Everything)).await?;
    let stored = stored.ok_or_else(|| corrupt(format!("the tool {} is gone", new.slug)))?;
    Ok((stored, is_new))
}

/// Disables a tool. Its sessions can be read, and take no messages.
pub(crate) async fn disable(
    conn: &mut Conn,
    (slug, allowed, stamp): &(String, Filter, AuditStamp),
) -> Result<bool, Fault> {
    let disabled: Option<ToolId> =
        diesel::update(tools::table.filter(tools::slug.eq(slug)).filter(filters::on_tools(allowed)?))
            .set(tools::enabled.eq(false))
            .returning(tools::id)
            .get_result(conn)
            .await
            .optional()?;
    let Some(tool) = disabled else { return Ok(false) };
    let detail = json!({ "slug": slug });
    record(conn, stamp, Entry { action: AuditAction::ToolDisable, of: ("Tool", &tool), detail }).await?;
    Ok(true)
}

/// Makes the tool if the name is new.
async fn insert_tool(conn: &mut Conn, new: &NewToolVersion) -> Result<(), Fault> {
    diesel::insert_into(tools::table)
        .values((
            tools::id.eq(key(new.tool_id)),
            tools::slug.eq(text("tools.slug", &new.slug)?),
            tools::tool_type.eq(new.tool_type.as_str()),
            tools::origin.eq(POSTED),
            tools::group_id.eq(new.group_id.map(key)),
            tools::owner_id.eq(new.owner_id.map(key)),
            tools::enabled.eq(true),
            tools::latest_ordinal.eq(0),
            tools::created_at.eq(new.created_at.as_micros()),
        ))
        .on_conflict(tools::slug)
        .do_nothing()
        .execute(conn)
        .await?;
    Ok(())
}

/// The tool with this name, enabled and locked for the rest of the step: a posted one of this group that the filter
/// admits. The owner stays who posted it first.
async fn take_tool(conn: &mut Conn, new: &NewToolVersion, allowed: &Filter) -> Result<ToolId, Refusal> {
    let group = match new.group_id {
        Some(id) => Predicate::Equals(Scalar::Uuid(id.as_uuid())),
        None => Predicate::IsNull,
    };
    let of_group = Filter::all([allowed.clone(), Filter::field("group_id", group)]);
    let tool: Option<ToolId> = diesel::update(
        tools::table
            .filter(tools::slug.eq(&new.slug))
            .filter(tools::origin.eq(POSTED))
            .filter(filters::on_tools(&of_group)?),
    )
    .set((tools::enabled.eq(true), tools::tool_type.eq(new.tool_type.as_str())))
    .returning(tools::id)
    .get_result(conn)
    .await
    .optional()?;
    tool.ok_or_else(|| Abort::Refused(ToolError::SlugTaken { slug: new.slug.clone() }))
}
