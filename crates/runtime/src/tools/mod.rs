//! Tools: reading, publishing and synchronizing them.

pub(crate) mod definitions;
pub(crate) mod publish;
mod selection;

use causerie_domain::filter::Scalar;
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{ToolError, ToolSync};
use causerie_domain::principal::Principal;
use causerie_domain::subjects::ToolField;
use causerie_domain::tools::{Tool, ToolVersion};
use causerie_domain::{Filter, ToolId, ToolVersionId};

use self::definitions::PinnedTool;
use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::runtime::{Runtime, RuntimeInner};
use causerie_permissions::SubjectType;
use causerie_tool_definitions::{ToolDefinition, VersionMetadata, is_slug};

impl Runtime {
    /// Stores the tools of files. Adds new versions, and disables the tools of earlier files that are no longer
    /// present.
    ///
    /// # Errors
    /// [`ToolError::VersionConflict`] if a version exists with other content.
    pub async fn sync_tools(&self, definitions: Vec<ToolDefinition>) -> Result<ToolSync, ToolError> {
        let inner = &self.inner;
        let ids = inner.ids.as_ref();
        let created_at = inner.clock.now();
        let metadata = || VersionMetadata {
            tool_id: ToolId::next(ids),
            version_id: ToolVersionId::next(ids),
            group_id: None,
            owner_id: None,
            created_at,
        };
        let files = definitions.iter().map(|definition| definition.to_version(metadata())).collect();
        inner.tools.sync_tools(files).await
    }

    /// Returns a page of the tools that the principal may read, by slug, without their definitions.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] if the principal may read no tool.
    pub async fn tools(
        &self,
        principal: &Principal,
        page: PageRequest<String>,
    ) -> Result<Page<Tool, String>, RuntimeError> {
        let visible = self.access(principal)?.tools(Action::Read)?;
        Ok(self.inner.tools.tool_page(&visible, page).await?)
    }

    /// Returns a tool by its slug.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn tool(&self, principal: &Principal, slug: &str) -> Result<Tool, RuntimeError> {
        let visible = self.access(principal)?.tools(Action::Read)?;
        self.inner.tools.tool(slug, &visible).await?.ok_or(RuntimeError::NotFound)
    }

    /// Returns the tool of a new session by slug or id.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchTool`] if the principal may neither use nor read a tool of this name;
    /// [`RuntimeError::Forbidden`] if it may only read it, with the reason `disabled` for a disabled tool.
    pub(crate) async fn usable_tool(&self, access: &Access, slug_or_id: &str) -> Result<Tool, RuntimeError> {
        let known = access.lookup_filter(Action::Use, SubjectType::Tool)?;
        let found = match slug_or_id.parse::<ToolId>() {
            Ok(id) => {
                let has_id = Filter::equals(ToolField::Id, Scalar::Uuid(id.as_uuid()));
                match self.inner.tools.tools(&Filter::all([known.clone(), has_id])).await?.pop() {
                    Some(tool) => self.inner.tools.tool(&tool.slug, &known).await?,
                    None => None,
                }
            }
            Err(_) if !is_slug(slug_or_id) => {
                return Err(RuntimeError::invalid("/tool", "is neither the name nor the id of a tool"));
            }
            Err(_) => self.inner.tools.tool(slug_or_id, &known).await?,
        };
        let tool = found.ok_or(RuntimeError::NoSuchTool)?;
        access.require_tool(Action::Use, &tool)?;
        Ok(tool)
    }
}

impl RuntimeInner {
    /// Returns the tool, version and definition of a session.
    pub(crate) async fn pinned_tool(&self, id: ToolVersionId) -> Result<PinnedTool, RuntimeError> {
        let (tool, version) = self.tools.pinned(id).await?.ok_or_else(|| {
            RuntimeError::Internal(format!("tool version {id} of a session does not exist"))
        })?;
        self.parsed(tool, version)
    }

    /// Adds the parsed definition of a version.
    pub(crate) fn parsed(&self, tool: Tool, version: ToolVersion) -> Result<PinnedTool, RuntimeError> {
        let definition = self.definitions.get(&version)?;
        Ok(PinnedTool { tool, version, definition })
    }
}
