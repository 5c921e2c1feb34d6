//! Tools: assistants that authors describe in YAML, in immutable versions.

use crate::string_enum::string_enum;
use crate::{GroupId, Timestamp, ToolId, ToolVersionId, UserId};

string_enum! {
    /// Type of a tool.
    ToolType, "tool type", {
        /// Holds sessions.
        Chat = "chat",
        /// Answers a single input. Definitions of this type are parsed and refused as not supported yet.
        Product = "product",
    }
}

/// Tool with its newest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    pub id: ToolId,
    /// Unique name in URLs.
    pub slug: String,
    pub tool_type: ToolType,
    /// Owning group; `None` makes the tool public.
    pub group_id: Option<GroupId>,
    /// User who posted the tool; `None` for tools from files.
    pub owner_id: Option<UserId>,
    /// Whether new sessions and messages may use the tool. Tools are disabled, never deleted.
    pub enabled: bool,
    /// Newest version.
    pub current: ToolVersion,
}

/// Immutable version of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolVersion {
    pub id: ToolVersionId,
    pub tool_id: ToolId,
    /// Semantic version that the author assigned.
    pub version: String,
    pub title: String,
    /// Definition as canonical JSON text.
    pub definition: String,
    /// SHA-256 of the canonical text in hex.
    pub content_hash: String,
    /// User who posted the version; `None` for files.
    pub created_by: Option<UserId>,
    pub created_at: Timestamp,
}
