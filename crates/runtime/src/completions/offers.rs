//! Models and tools that a principal can name in a completion.

use causerie_domain::Timestamp;
use causerie_domain::principal::Principal;

use super::TOOL_PREFIX;
use crate::authorization::Action;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Model or tool that a completion can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedModel {
    /// Id of a model, or `tool:` and the name of a tool.
    pub id: String,
    /// Author of the model, or `causerie` for a tool.
    pub owner: String,
    /// Time at which the catalog listed the model, or at which the version of the tool was created.
    pub created_at: Timestamp,
}

impl Runtime {
    /// Returns the models that the principal may read and the tools that it may use, by id.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] if the principal may neither read models nor use tools.
    pub async fn offered_models(&self, principal: &Principal) -> Result<Vec<OfferedModel>, RuntimeError> {
        let access = self.access(principal)?;
        let (readable, usable) = (access.models(Action::Read), access.tools(Action::Use));
        let models = match &readable {
            Ok(readable) => self.inner.models.models(readable).await?,
            Err(RuntimeError::Forbidden { .. }) if usable.is_ok() => Vec::new(),
            Err(_) => return readable.map(|_| Vec::new()),
        };
        // A principal without the right to use tools sees none.
        let tools = match usable {
            Ok(usable) => self.inner.tools.tools(&usable).await?,
            Err(RuntimeError::Forbidden { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        let models = models.into_iter().map(|model| OfferedModel {
            owner: model.catalog.id.split('/').next().unwrap_or_default().to_owned(),
            id: model.catalog.id,
            created_at: model.listed_at,
        });
        let tools = tools.into_iter().map(|tool| OfferedModel {
            id: format!("{TOOL_PREFIX}{}", tool.slug),
            owner: "causerie".to_owned(),
            created_at: tool.current.created_at,
        });
        Ok(models.chain(tools).collect())
    }

    /// Returns the model or tool with this id.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchModel`] if there is none that [`Runtime::offered_models`] lists.
    pub async fn offered_model(&self, principal: &Principal, id: &str) -> Result<OfferedModel, RuntimeError> {
        let offered = self.offered_models(principal).await?;
        offered
            .into_iter()
            .find(|model| model.id == id)
            .ok_or_else(|| RuntimeError::NoSuchModel(id.to_owned()))
    }
}
