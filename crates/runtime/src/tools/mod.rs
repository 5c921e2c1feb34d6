//! Tools as a principal may see and use them.

pub(crate) mod definitions;
pub(crate) mod posts;

use causerie_domain::filter::Scalar;
use causerie_domain::ports::{ToolError, ToolSync};
use causerie_domain::principal::Principal;
use causerie_domain::tools::Tool;
use causerie_domain::{Filter, ToolId, ToolVersionId};

use self::definitions::PinnedTool;
use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::runtime::{Runtime, RuntimeInner};
use causerie_tool_definitions::{VersionMetadata, ToolDefinition};

impl Runtime {
    /// Stores the tools of files: new versions are added, tools whose file is gone are disabled.
    ///
    /// # Errors
    /// [`ToolError::VersionConflict`] where a version's content changed under its name.
    pub async fn sync_tools(&self, definitions: Vec<ToolDefinition>) -> Result<ToolSync, ToolError> {
        let inner = &self.inner;
        let ids = inner.ids.as_ref();
        let created_at = inner.clock.now();
        let placed = || VersionMetadata {
            tool_id: ToolId::next(ids),
            version_id: ToolVersionId::next(ids),
            group_id: None,
            owner_id: None,
            created_at,
        };
        let files = definitions.iter().map(|definition| definition.to_version(placed())).collect();
        inner.tools.sync_tools(files).await
    }

    /// The tools the principal may read, by slug.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] where the principal may read no tool at all.
    pub async fn tools(&self, principal: &Principal) -> Result<Vec<Tool>, RuntimeError> {
        let visible = self.access(principal)?.tools(Action::Read)?;
        Ok(self.inner.tools.tools(&visible).await?)
    }

    /// A tool by its slug.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn tool(&self, principal: &Principal, slug: &str) -> Result<Tool, RuntimeError> {
        let visible = self.access(principal)?.tools(Action::Read)?;
        self.inner.tools.tool(slug, &visible).await?.ok_or(RuntimeError::NotFound)
    }

    /// The tool a new session names by slug or id. One the principal may not use is as unknown as an absent one.
    pub(crate) async fn usable_tool(&self, access: &Access, named: &str) -> Result<Tool, RuntimeError> {
        let usable = access.tools(Action::Use)?;
        let found = match named.parse::<ToolId>() {
            Ok(id) => {
                let this = Filter::equals("id", Scalar::Uuid(id.as_uuid()));
                self.inner.tools.tools(&Filter::all([usable, this])).await?.pop()
            }
            Err(_) => self.inner.tools.tool(named, &usable).await?,
        };
        found.ok_or_else(|| RuntimeError::invalid("/tool", "there is no such tool"))
    }
}

impl RuntimeInner {
    /// The tool behind a session.
    pub(crate) async fn pinned_tool(&self, id: ToolVersionId) -> Result<PinnedTool, RuntimeError> {
        let (tool, version) = self.tools.pinned(id).await?.ok_or_else(|| {
            RuntimeError::Internal(format!("a session is pinned to tool version {id}, which is gone"))
        })?;
        let definition = self.definitions.of(&version)?;
        Ok(PinnedTool { tool, version, definition })
    }
}
