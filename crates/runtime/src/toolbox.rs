//! Tools and models as a principal may see and use them.

use causerie_domain::filter::Scalar;
use causerie_domain::models::Model;
use causerie_domain::ports::{ToolError, ToolSync};
use causerie_domain::principal::Principal;
use causerie_domain::tools::Tool;
use causerie_domain::{Filter, ToolId, ToolVersionId};

use crate::Runtime;
use crate::authorise::{Access, Action};
use crate::error::RuntimeError;
use causerie_tool_definitions::{Placement, ToolDefinition};

impl Runtime {
    /// Stores the tools of files: new versions are added, tools whose file is gone are disabled.
    ///
    /// # Errors
    /// [`ToolError::VersionConflict`] where a version's content changed under its name.
    pub async fn synchronise_tools(&self, definitions: Vec<ToolDefinition>) -> Result<ToolSync, ToolError> {
        let engine = &self.engine;
        let ids = engine.ids.as_ref();
        let created_at = engine.clock.now();
        let placed = || Placement {
            tool_id: ToolId::next(ids),
            version_id: ToolVersionId::next(ids),
            group_id: None,
            owner_id: None,
            created_at,
        };
        let files = definitions.iter().map(|definition| definition.to_version(placed())).collect();
        engine.tools.synchronise(files).await
    }

    /// The tools the principal may read, by slug.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] where the principal may read no tool at all.
    pub async fn tools(&self, principal: &Principal) -> Result<Vec<Tool>, RuntimeError> {
        let visible = self.access(principal)?.tools(Action::Read)?;
        Ok(self.engine.tools.tools(&visible).await?)
    }

    /// A tool by its slug.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn tool(&self, principal: &Principal, slug: &str) -> Result<Tool, RuntimeError> {
        let visible = self.access(principal)?.tools(Action::Read)?;
        self.engine.tools.tool(slug, &visible).await?.ok_or(RuntimeError::NotFound)
    }

    /// The models the principal may read, by id.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] where the principal may read no model at all.
    pub async fn models(&self, principal: &Principal) -> Result<Vec<Model>, RuntimeError> {
        let visible = self.access(principal)?.models(Action::Read)?;
        Ok(self.engine.models.models(&visible).await?)
    }

    /// Reads the upstream's catalogue into the store now, if the principal may update models. Returns how many
    /// models it lists.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`]; [`RuntimeError::Upstream`], and the old catalogue stays in force.
    pub async fn sync_models(&self, principal: &Principal) -> Result<usize, RuntimeError> {
        self.access(principal)?.models(Action::Update)?;
        self.synchronise_models().await.map_err(|error| {
            tracing::warn!(%error, "the catalogue of models is not current");
            error.into()
        })
    }

    /// The tool a new session names by slug or id. One the principal may not use is as unknown as an absent one.
    pub(crate) async fn usable_tool(&self, access: &Access, named: &str) -> Result<Tool, RuntimeError> {
        let usable = access.tools(Action::Use)?;
        let found = match named.parse::<ToolId>() {
            Ok(id) => {
                let this = Filter::equals("id", Scalar::Uuid(id.as_uuid()));
                self.engine.tools.tools(&Filter::all([usable, this])).await?.pop()
            }
            Err(_) => self.engine.tools.tool(named, &usable).await?,
        };
        found.ok_or_else(|| RuntimeError::invalid("/tool", "there is no such tool"))
    }
}
