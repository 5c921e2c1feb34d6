//! Rows of `tools` and `tool_versions`.

use causerie_domain::ports::StoreError;
use causerie_domain::tools::{Tool, ToolVersion};
use causerie_domain::{GroupId, Timestamp, ToolId, ToolVersionId, UserId};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::parse_variant;
use crate::schema::{tool_versions, tools};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = tools, check_for_backend(Pg, Sqlite))]
pub(crate) struct ToolRow {
    pub(crate) id: ToolId,
    slug: String,
    tool_type: String,
    group_id: Option<GroupId>,
    owner_id: Option<UserId>,
    enabled: bool,
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = tool_versions, check_for_backend(Pg, Sqlite))]
pub(crate) struct ToolVersionRow {
    id: ToolVersionId,
    pub(crate) tool_id: ToolId,
    version: String,
    title: String,
    definition: String,
    content_hash: String,
    created_by: Option<UserId>,
    created_at: i64,
}

/// Creates a tool from its row and that of its newest version.
pub(crate) fn tool(row: ToolRow, newest: ToolVersionRow) -> Result<Tool, StoreError> {
    Ok(Tool {
        id: row.id,
        slug: row.slug,
        tool_type: parse_variant("tools.type", &row.tool_type)?,
        group_id: row.group_id,
        owner_id: row.owner_id,
        enabled: row.enabled,
        current: newest.into(),
    })
}

impl From<ToolVersionRow> for ToolVersion {
    fn from(row: ToolVersionRow) -> Self {
        ToolVersion {
            id: row.id,
            tool_id: row.tool_id,
            version: row.version,
            title: row.title,
            definition: row.definition,
            content_hash: row.content_hash,
            created_by: row.created_by,
            created_at: Timestamp::from_micros(row.created_at),
        }
    }
}
