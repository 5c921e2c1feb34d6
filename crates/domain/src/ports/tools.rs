//! The port to the stored tools.

use std::fmt::Debug;

use crate::audit_events::AuditStamp;
use crate::page::{Page, PageRequest};
use crate::ports::StoreError;
use crate::tools::{Tool, ToolType, ToolVersion};
use crate::{Filter, GroupId, Timestamp, ToolId, ToolVersionId, UserId};

/// A version to store. Storing the same content again changes nothing but `enabled`, which becomes true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToolVersion {
    /// The tool's id, if the slug is new.
    pub tool_id: ToolId,
    /// The version's id, if the version is new.
    pub version_id: ToolVersionId,
    /// The unique name.
    pub slug: String,
    /// What the tool does with a message.
    pub tool_type: ToolType,
    /// The group of a new tool.
    pub group_id: Option<GroupId>,
    /// Who posts it; none for files.
    pub owner_id: Option<UserId>,
    /// The semantic version.
    pub version: String,
    /// The title.
    pub title: String,
    /// The definition as canonical JSON text.
    pub definition: String,
    /// SHA-256 of the canonical text, in hex.
    pub content_hash: String,
    /// When it is stored.
    pub created_at: Timestamp,
}

/// What a synchronisation with files changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolSync {
    /// Slugs with a new version.
    pub updated: Vec<String>,
    /// Slugs whose file is gone; they are disabled, not deleted.
    pub disabled: Vec<String>,
}

/// Why a tool could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The same slug and version exist with another content. Versions are immutable.
    #[error("version {version} of tool {slug} exists with another content")]
    VersionConflict {
        /// The tool.
        slug: String,
        /// The version.
        version: String,
    },
    /// The slug belongs to a tool that this caller must not change: a file's, or somebody else's.
    #[error("the name {slug} is taken")]
    SlugTaken {
        /// The tool.
        slug: String,
    },
    /// The group does not exist.
    #[error("there is no such group")]
    NoSuchGroup,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The place of a version among those of its tool: in the order of storing, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolVersionCursor(pub i64);

/// Which versions of a tool to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolVersionQuery {
    /// The tool.
    pub slug: String,
    /// What the principal may read (a filter on Tool).
    pub visible: Filter,
    /// Which part of the list.
    pub page: PageRequest<ToolVersionCursor>,
}

/// Keeps tools and their versions. Nothing is ever deleted.
#[async_trait::async_trait]
pub trait Tools: Send + Sync + Debug {
    /// Stores the tools of files, and disables tools of earlier files (those without group and owner) that are
    /// not among them. All or nothing.
    ///
    /// # Errors
    /// [`ToolError::VersionConflict`], [`ToolError::SlugTaken`].
    async fn synchronise(&self, files: Vec<NewToolVersion>) -> Result<ToolSync, ToolError>;

    /// Stores a posted tool, or a further version of one that the filter (on Tool) admits and whose group it keeps.
    /// Says whether the version is new; storing the same content again only enables the tool.
    ///
    /// # Errors
    /// [`ToolError`]; then nothing is stored.
    async fn post(
        &self,
        new: NewToolVersion,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(Tool, bool), ToolError>;

    /// Disables a tool, if the filter (on Tool) admits it. Says whether there was one.
    async fn disable(&self, slug: &str, allowed: &Filter, stamp: AuditStamp) -> Result<bool, StoreError>;

    /// A page of a tool's versions, newest first; `None` if the filter does not admit the tool.
    async fn versions(
        &self,
        list: ToolVersionQuery,
    ) -> Result<Option<Page<ToolVersion, ToolVersionCursor>>, StoreError>;

    /// The tools that the filter (on Tool) admits, by slug.
    async fn tools(&self, visible: &Filter) -> Result<Vec<Tool>, StoreError>;

    /// The tool with this slug, if the filter (on Tool) admits it.
    async fn tool(&self, slug: &str, visible: &Filter) -> Result<Option<Tool>, StoreError>;

    /// A version and its tool, by the version's id. For sessions that are pinned to it.
    async fn pinned(&self, id: ToolVersionId) -> Result<Option<(Tool, ToolVersion)>, StoreError>;
}
