//! Tools in responses.

use causerie_domain::ports::ToolVersionCursor;
use causerie_domain::tools::{Tool, ToolVersion};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::page::{PageCursor, text_cursor};
use super::values::{Id, TimestampDto, ToolTypeDto};

/// A tool in its current version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tool)]
pub(crate) struct ToolDto {
    id: Id,
    /// Unique name of the tool in URLs.
    slug: String,
    #[serde(rename = "type")]
    kind: ToolTypeDto,
    /// Semantic version, chosen by the author.
    version: String,
    title: String,
    /// Whether new sessions and messages may use the tool.
    enabled: bool,
    /// The group to which the tool belongs; null if all users may use it.
    group_id: Option<Id>,
    /// The user who posted the tool; null for tools from files.
    owner_id: Option<Id>,
    /// Time at which this version was stored.
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

/// A tool in its current version, with its definition.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ToolDetail)]
pub(crate) struct ToolDetailDto {
    #[serde(flatten)]
    tool: ToolDto,
    /// The definition in the format of tool files.
    #[schema(value_type = Object)]
    definition: Box<RawValue>,
}

impl TryFrom<Tool> for ToolDetailDto {
    type Error = serde_json::Error;

    /// Fails if the stored definition is not JSON.
    fn try_from(tool: Tool) -> Result<Self, serde_json::Error> {
        let definition = RawValue::from_string(tool.current.definition.clone())?;
        Ok(ToolDetailDto { tool: tool.into(), definition })
    }
}

/// A version of a tool, with its definition. A version never changes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ToolVersion)]
pub(crate) struct ToolVersionDto {
    id: Id,
    /// Semantic version, chosen by the author.
    version: String,
    title: String,
    /// The definition in the format of tool files.
    #[schema(value_type = Object)]
    definition: Box<RawValue>,
    /// SHA-256 of the canonical text of the definition, in hexadecimal.
    content_hash: String,
    /// The user who posted the version; null for versions from files.
    created_by: Option<Id>,
    /// Time at which the version was stored.
    created_at: TimestampDto,
}

impl TryFrom<ToolVersion> for ToolVersionDto {
    type Error = serde_json::Error;

    /// Fails if the stored definition is not JSON.
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

text_cursor! {
    /// Position in the list of tools: a slug.
    ToolCursor in "tools"
}

impl PageCursor for ToolVersionCursor {
    const LIST: &'static str = "versions";

    fn to_text(&self) -> String {
        self.0.to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(ToolVersionCursor)
    }
}
