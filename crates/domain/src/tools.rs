//! Tools: assistants that authors describe in YAML, in immutable versions.

use crate::string_enum::string_enum;
use crate::{GroupId, Timestamp, ToolId, ToolVersionId, UserId};

string_enum! {
    /// What a tool does with a message.
    ToolType, "tool type", {
        /// Holds conversations.
        Chat = "chat",
        /// Answers one input once. Not supported yet: parsed, then refused by name.
        Product = "product",
    }
}

/// A tool, across its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// The id.
    pub id: ToolId,
    /// The unique name in addresses.
    pub slug: String,
    /// What it does with a message.
    pub tool_type: ToolType,
    /// The group it belongs to; none means everyone.
    pub group_id: Option<GroupId>,
    /// Who posted it; tools from files have no owner.
    pub owner_id: Option<UserId>,
    /// Whether new sessions and messages may use it. Nothing is ever deleted.
    pub enabled: bool,
    /// The newest version.
    pub current: ToolVersion,
}

/// One immutable version of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolVersion {
    /// The id.
    pub id: ToolVersionId,
    /// The tool.
    pub tool_id: ToolId,
    /// The semantic version its author gave it.
    pub version: String,
    /// The title shown to people.
    pub title: String,
    /// The definition as canonical JSON text.
    pub definition: String,
    /// SHA-256 of the canonical text, in hex.
    pub content_hash: String,
    /// Who posted it; none for files.
    pub created_by: Option<UserId>,
    /// When it was stored.
    pub created_at: Timestamp,
}
