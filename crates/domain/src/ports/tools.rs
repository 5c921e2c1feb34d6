//! Port for tools.

use std::fmt::Debug;

use crate::audit_events::AuditStamp;
use crate::page::{Page, PageRequest};
use crate::ports::{ErrorCode, StoreError};
use crate::tools::{Tool, ToolType, ToolVersion};
use crate::{Filter, GroupId, Timestamp, ToolId, ToolVersionId, UserId};

/// Version to store. Storing existing content again only sets `enabled`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToolVersion {
    /// Id of the tool, used if the slug is new.
    pub tool_id: ToolId,
    /// Id of the version, used if the version is new.
    pub version_id: ToolVersionId,
    pub slug: String,
    pub tool_type: ToolType,
    /// Group of a new tool.
    pub group_id: Option<GroupId>,
    /// User who posts the version; `None` for files.
    pub owner_id: Option<UserId>,
    /// Semantic version.
    pub version: String,
    pub title: String,
    /// Definition as canonical JSON text.
    pub definition: String,
    /// SHA-256 of the canonical text in hex.
    pub content_hash: String,
    pub created_at: Timestamp,
}

/// Result of a synchronization with files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolSync {
    /// Slugs with a new version.
    pub updated: Vec<String>,
    /// Slugs without a file. Their tools are disabled, not deleted.
    pub disabled: Vec<String>,
}

/// Refusal to store a version.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The slug and version exist with other content. Versions are immutable.
    #[error("version {version} of tool {slug} exists with another content")]
    VersionConflict { slug: String, version: String },
    /// The slug belongs to a tool that the caller must not change: a tool of a file or of another owner.
    #[error("the name {slug} belongs to another tool")]
    SlugTaken { slug: String },
    #[error("there is no such group")]
    NoSuchGroup,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ErrorCode for ToolError {
    fn code(&self) -> Option<&'static str> {
        match self {
            ToolError::VersionConflict { .. } => Some("version_conflict"),
            ToolError::SlugTaken { .. } => Some("name_taken"),
            ToolError::NoSuchGroup | ToolError::Store(_) => None,
        }
    }
}

/// Position of a version in the list of a tool: newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolVersionCursor(pub i64);

/// Selects versions of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolVersionQuery {
    pub slug: String,
    /// Tools that the principal may read (filter on Tool).
    pub visible: Filter,
    pub page: PageRequest<ToolVersionCursor>,
}

/// Stores tools and their versions. Nothing is deleted.
#[async_trait::async_trait]
pub trait Tools: Send + Sync + Debug {
    /// Stores the tools of files in one transaction. Disables tools of earlier files, which have no group and no
    /// owner, that are no longer present.
    ///
    /// # Errors
    /// [`ToolError::VersionConflict`], [`ToolError::SlugTaken`].
    async fn sync_tools(&self, files: Vec<NewToolVersion>) -> Result<ToolSync, ToolError>;

    /// Stores a posted tool, or a new version of a tool that matches the filter (on Tool) and keeps its group. Returns
    /// whether the version is new. Storing existing content again only enables the tool.
    ///
    /// # Errors
    /// [`ToolError`]; nothing is stored then.
    async fn publish(
        &self,
        new: NewToolVersion,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(Tool, bool), ToolError>;

    /// Disables a tool that matches the filter (on Tool). Returns whether the tool exists.
    async fn disable(&self, slug: &str, allowed: &Filter, stamp: AuditStamp) -> Result<bool, StoreError>;

    /// Returns a page of the versions of a tool, newest first; `None` if the tool does not match the filter.
    async fn versions(
        &self,
        list: ToolVersionQuery,
    ) -> Result<Option<Page<ToolVersion, ToolVersionCursor>>, StoreError>;

    /// Returns the tools that match the filter (on Tool), by slug. The definitions of their current versions are empty:
    /// [`Tools::tool`] returns them.
    async fn tools(&self, visible: &Filter) -> Result<Vec<Tool>, StoreError>;

    /// Returns a page of the tools that match the filter (on Tool), by slug, without definitions as in [`Tools::tools`].
    async fn tool_page(
        &self,
        visible: &Filter,
        page: PageRequest<String>,
    ) -> Result<Page<Tool, String>, StoreError>;

    /// Returns the tool with this slug, if it matches the filter (on Tool).
    async fn tool(&self, slug: &str, visible: &Filter) -> Result<Option<Tool>, StoreError>;

    /// Returns a version and its tool, for sessions that keep this version.
    async fn pinned(&self, id: ToolVersionId) -> Result<Option<(Tool, ToolVersion)>, StoreError>;
}
