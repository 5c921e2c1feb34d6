//! Reading tools.

use std::collections::HashMap;

use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{StoreError, ToolVersionCursor, ToolVersionQuery};
use causerie_domain::tools::{Tool, ToolVersion};
use causerie_domain::{Filter, SessionId, ToolId, ToolVersionId};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::super::sizes::{self, PageLength};
use super::super::{Conn, RunQueryDsl, Sequence, filters};
use crate::error::{QueryError, corrupt};
use crate::rows::{ToolRow, ToolVersionRow, tool};
use crate::schema::{sessions, tool_versions, tools};
use crate::types::{SqlId, id_param};

/// Returns tools with their newest versions, without the definitions.
pub(crate) async fn visible(conn: &mut Conn, visible: &Filter) -> Result<Vec<Tool>, QueryError> {
    let rows: Vec<ToolRow> = tools::table
        .filter(filters::on_tools(visible)?)
        .order(tools::slug)
        .select(ToolRow::as_select())
        .load(conn)
        .await?;
    without_definitions(conn, rows).await
}

/// Returns a page of the tools with their newest versions, without the definitions, in the order of the database's
/// collation.
pub(crate) async fn page(
    conn: &mut Conn,
    (visible, page): &(Filter, PageRequest<String>),
) -> Result<Page<Tool, String>, QueryError> {
    let after = page.after.as_ref().map_or("", |After(last)| last);
    let rows: Vec<ToolRow> = tools::table
        .filter(tools::slug.gt(after))
        .filter(filters::on_tools(visible)?)
        .order(tools::slug)
        .limit(i64::from(page.limit) + 1)
        .select(ToolRow::as_select())
        .load(conn)
        .await?;
    let tools = without_definitions(conn, rows).await?;
    Ok(Page::cut(tools, page.limit, |tool| tool.slug.clone()))
}

/// Reads the newest versions of tools without their definitions.
async fn without_definitions(conn: &mut Conn, rows: Vec<ToolRow>) -> Result<Vec<Tool>, QueryError> {
    let ids: Vec<_> = rows.iter().map(|row| id_param(row.id)).collect();
    let newest: Vec<ToolVersionRow> = tool_versions::table
        .inner_join(tools::table)
        .filter(tool_versions::tool_id.eq_any(ids))
        .filter(tool_versions::ordinal.eq(tools::latest_ordinal))
        .select((
            tool_versions::id,
            tool_versions::tool_id,
            tool_versions::version,
            tool_versions::title,
            sql::<Text>("''"),
            tool_versions::content_hash,
            tool_versions::created_by,
            tool_versions::created_at,
        ))
        .load(conn)
        .await?;
    join_versions(rows, newest)
}

pub(crate) async fn by_slug(
    conn: &mut Conn,
    (slug, visible): &(String, Filter),
) -> Result<Option<Tool>, QueryError> {
    let rows: Vec<ToolRow> = tools::table
        .filter(tools::slug.eq(slug))
        .filter(filters::on_tools(visible)?)
        .select(ToolRow::as_select())
        .load(conn)
        .await?;
    Ok(with_versions(conn, rows).await?.pop())
}

/// A version, its tool, and the newest version of the tool.
pub(in super::super) type PinnedRow = (ToolVersionRow, ToolRow, ToolVersionRow);

/// Selects a version with its tool.
macro_rules! pinned {
    ($version:expr) => {{
        let newest = diesel::alias!(tool_versions as newest);
        let is_newest = newest
            .field(tool_versions::tool_id)
            .eq(tools::id)
            .and(newest.field(tool_versions::ordinal).eq(tools::latest_ordinal));
        tool_versions::table
            .inner_join(tools::table)
            .inner_join(newest.on(is_newest))
            .filter(tool_versions::id.nullable().eq($version))
            .select((
                ToolVersionRow::as_select(),
                ToolRow::as_select(),
                newest.fields((
                    tool_versions::id,
                    tool_versions::tool_id,
                    tool_versions::version,
                    tool_versions::title,
                    tool_versions::definition,
                    tool_versions::content_hash,
                    tool_versions::created_by,
                    tool_versions::created_at,
                )),
            ))
    }};
}

pub(crate) async fn pinned(
    conn: &mut Conn,
    id: &ToolVersionId,
) -> Result<Option<(Tool, ToolVersion)>, QueryError> {
    let found: Option<PinnedRow> =
        pinned!(id_param(*id).into_sql::<Nullable<SqlId>>()).first(conn).await.optional()?;
    Ok(found.map(tool_of_pinned).transpose()?)
}

/// Adds the query of the tool of a session and the version that the session keeps.
pub(in super::super) fn of_session<'q>(
    sequence: Sequence<'q>,
    session: SessionId,
    rows: &'q mut Vec<PinnedRow>,
) -> Sequence<'q> {
    let version = sessions::table
        .filter(sessions::id.eq(id_param(session)))
        .select(sessions::tool_version_id)
        .single_value();
    sequence.load(pinned!(version), rows)
}

pub(in super::super) fn tool_of_pinned(
    (version, row, newest): PinnedRow,
) -> Result<(Tool, ToolVersion), StoreError> {
    Ok((tool(row, newest)?, version.into()))
}

/// Versions of a tool, newest first. A page ends early if its definitions are large.
pub(crate) async fn versions(
    conn: &mut Conn,
    list: &ToolVersionQuery,
) -> Result<Option<Page<ToolVersion, ToolVersionCursor>>, QueryError> {
    let tool: Option<ToolId> = tools::table
        .filter(tools::slug.eq(&list.slug))
        .filter(filters::on_tools(&list.visible)?)
        .select(tools::id)
        .first(conn)
        .await
        .optional()?;
    let Some(tool) = tool else { return Ok(None) };
    let before = list.page.after.as_ref().map_or(i64::MAX, |After(ToolVersionCursor(last))| *last);
    let of_tool = || {
        tool_versions::table
            .filter(tool_versions::tool_id.eq(id_param(tool)))
            .filter(tool_versions::ordinal.lt(before))
            .order(tool_versions::ordinal.desc())
    };
    let size = sql::<BigInt>(sizes::TOOL_VERSION);
    let sizes: Vec<i64> = of_tool().select(size).limit(i64::from(list.page.limit) + 1).load(conn).await?;
    let length = PageLength::of(&sizes, list.page.limit);
    let columns = (ToolVersionRow::as_select(), tool_versions::ordinal);
    let rows: Vec<(ToolVersionRow, i64)> = of_tool().select(columns).limit(length.rows).load(conn).await?;
    let next = length.next(&rows, |(_, ordinal)| ToolVersionCursor(*ordinal));
    Ok(Some(Page { rows: rows.into_iter().map(|(row, _)| row.into()).collect(), next }))
}

/// Reads the newest versions of tools, with one statement for any number of tools.
async fn with_versions(conn: &mut Conn, rows: Vec<ToolRow>) -> Result<Vec<Tool>, QueryError> {
    let ids: Vec<_> = rows.iter().map(|row| id_param(row.id)).collect();
    let newest: Vec<ToolVersionRow> = tool_versions::table
        .inner_join(tools::table)
        .filter(tool_versions::tool_id.eq_any(ids))
        .filter(tool_versions::ordinal.eq(tools::latest_ordinal))
        .select(ToolVersionRow::as_select())
        .load(conn)
        .await?;
    join_versions(rows, newest)
}

fn join_versions(rows: Vec<ToolRow>, newest: Vec<ToolVersionRow>) -> Result<Vec<Tool>, QueryError> {
    let mut newest: HashMap<ToolId, ToolVersionRow> =
        newest.into_iter().map(|version| (version.tool_id, version)).collect();
    let joined = rows.into_iter().map(|row| {
        let version = newest.remove(&row.id);
        let version = version.ok_or_else(|| corrupt(format!("tool {} has no version", row.id)))?;
        tool(row, version)
    });
    Ok(joined.collect::<Result<_, _>>()?)
}
