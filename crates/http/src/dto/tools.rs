//! Tools, as clients see them.

use causerie_domain::tools::{Tool, ToolVersion};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::values::{Id, TimestampDto, ToolTypeDto};

/// A tool in its current version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tool)]
pub(crate) struct ToolDto {
    id: Id,
    /// The unique name in addresses.
    slug: String,
    #[serde(rename = "type")]
    kind: ToolTypeDto,
    /// The semantic version its author gave it.
    version: String,
    title: String,
    /// Whether new sessions and messages may use it.
    enabled: bool,
    /// The group it belongs to; null means everyone.
    group_id: Option<Id>,
    /// Who posted it; null for tools from files.
    owner_id: Option<Id>,
    /// When this version was stored.
    created_at: TimestampDto,
}

impl From<Tool> for ToolDto {
    fn from(tool: Tool) -> Self {
        ToolDto {
            id: tool.id.into(),
            slug: tool.slug,
            kind: tool.tool_type.into(),
            version: tool.current.version,
            title: tool.current.title,
            enabled: tool.enabled,
            group_id: tool.group_id.map(Id::from),
            owner_id: tool.owner_id.map(Id::from),
            created_at: tool.current.created_at.into(),
        }
    }
}

/// A tool in its current version, with the whole definition.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ToolDetail)]
pub(crate) struct ToolDetailDto {
    #[serde(flatten)]
    tool: ToolDto,
    /// The definition, as a tool file has it.
    #[schema(value_type = Object)]
    definition: Box<RawValue>,
}

impl TryFrom<Tool> for ToolDetailDto {
    type Error = serde_json::Error;

    /// Fails where the stored definition is no JSON.
    fn try_from(tool: Tool) -> Result<Self, serde_json::Error> {
        let definition = RawValue::from_string(tool.current.definition.clone())?;
        Ok(ToolDetailDto { tool: tool.into(), definition })
    }
}

/// One immutable version of a tool, with the whole definition.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ToolVersion)]
pub(crate) struct ToolVersionDto {
    id: Id,
    /// The semantic version its author gave it.
    version: String,
    title: String,
    /// The definition, as a tool file has it.
    #[schema(value_type = Object)]
    definition: Box<RawValue>,
    /// SHA-256 of the definition's canonical text, in hexadecimal.
    content_hash: String,
    /// Who posted it; null for files.
    created_by: Option<Id>,
    /// When it was stored.
    created_at: TimestampDto,
}

impl TryFrom<ToolVersion> for ToolVersionDto {
    type Error = serde_json::Error;

    /// Fails where the stored definition is no JSON.
    fn try_from(version: ToolVersion) -> Result<Self, serde_json::Error> {
        Ok(ToolVersionDto {
            id: version.id.into(),
            version: version.version,
            title: version.title,
            definition: RawValue::from_string(version.definition)?,
            content_hash: version.content_hash,
            created_by: version.created_by.map(Id::from),
            created_at: version.created_at.into(),
        })
    }
}
