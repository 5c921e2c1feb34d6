//! Tools: reading, publishing and synchronizing them.

pub(crate) mod definitions;
pub(crate) mod publish;
mod selection;

use causerie_domain::filter::Scalar;
use causerie_domain::ports::{ToolError, ToolSync};
use causerie_domain::principal::Principal;
use causerie_domain::subjects::ToolField;
use causerie_domain::tools::Tool;
use causerie_domain::{Filter, ToolId, ToolVersionId};

use self::definitions::PinnedTool;
use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::runtime::{Runtime, RuntimeInner};
use causerie_tool_definitions::{ToolDefinition, VersionMetadata};

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

    /// Returns the tools that the principal may read, by slug.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] if the principal may read no tool.
    pub async fn tools(&self, principal: &Principal) -> Result<Vec<Tool>, RuntimeError> {
        let visible = self.access(principal)?.tools(Action::Read)?;
        Ok(self.inner.tools.tools(&visible).await?)
    }

    /// Returns a tool by its slug.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn tool(&self, principal: &Principal, slug: &str) -> Result<Tool, RuntimeError> {
        let visible = self.access(principal)?.tools(Action::Read)?;
        self.inner.tools.tool(slug, &visible).await?.ok_or(RuntimeError::NotFound)
    }

    /// Returns the tool of a new session by slug or id. A tool that the principal may not use is reported as not
    /// existing.
    pub(crate) async fn usable_tool(&self, access: &Access, slug_or_id: &str) -> Result<Tool, RuntimeError> {
        let usable = access.tools(Action::Use)?;
        let found = match slug_or_id.parse::<ToolId>() {
            Ok(id) => {
                let has_id = Filter::equals(ToolField::Id, Scalar::Uuid(id.as_uuid()));
                self.inner.tools.tools(&Filter::all([usable, has_id])).await?.pop()
            }
            Err(_) => self.inner.tools.tool(slug_or_id, &usable).await?,
        };
        found.ok_or_else(|| RuntimeError::invalid("/tool", "there is no such tool"))
    }
}

impl RuntimeInner {
    /// Returns the tool, version and definition of a session.
    pub(crate) async fn pinned_tool(&self, id: ToolVersionId) -> Result<PinnedTool, RuntimeError> {
        let (tool, version) = self.tools.pinned(id).await?.ok_or_else(|| {
            RuntimeError::Internal(format!("tool version {id} of a session does not exist"))
        })?;
        let definition = self.definitions.get(&version)?;
        Ok(PinnedTool { tool, version, definition })
    }
}
