//! Publishing and disabling tools, and the versions of a tool.

use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{ToolError, ToolVersionCursor, ToolVersionQuery};
use causerie_domain::principal::Principal;
use causerie_domain::tools::{Tool, ToolVersion};
use causerie_domain::{Filter, GroupId, ToolId, ToolVersionId};

use crate::authorization::Action;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;
use causerie_tool_definitions::{
    DefinitionErrors, MAX_DEFINITION_BYTES, ToolDefinition, VersionMetadata, parse_json, parse_yaml,
};

/// Format of a published definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionFormat {
    /// One YAML document.
    Yaml,
    /// One JSON value.
    Json,
}

/// Definition to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishTool {
    pub format: DefinitionFormat,
    pub text: Vec<u8>,
    /// Group whose members may use the tool; `None` means all users.
    pub group_id: Option<GroupId>,
}

/// File name in the errors of a published definition.
const BODY: &str = "body";

impl Runtime {
    /// Stores a new tool, or a new version of a tool. Returns whether the version is new; publishing the same content
    /// again only enables the tool. The principal owns a new tool; an existing tool keeps its owner and group.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`], [`RuntimeError::DefinitionTooLarge`], [`RuntimeError::InvalidDefinition`],
    /// [`RuntimeError::Refused`], [`RuntimeError::NoSuchGroup`].
    pub async fn publish_tool(
        &self,
        principal: &Principal,
        new: PublishTool,
    ) -> Result<(Tool, bool), RuntimeError> {
        let inner = &self.inner;
        let access = self.access(principal)?;
        let allowed = access.tools(Action::Create)?;
        let definition = parse(&new)?;
        let ids = inner.ids.as_ref();
        let version = definition.to_version(VersionMetadata {
            tool_id: ToolId::next(ids),
            version_id: ToolVersionId::next(ids),
            group_id: new.group_id,
            owner_id: Some(principal.user.id),
            created_at: inner.clock.now(),
        });
        access.require_new_tool(&version)?;
        Ok(inner.tools.publish(version, &allowed, self.stamp(principal)).await?)
    }

    /// Disables a tool: new sessions and new messages cannot use it. Nothing is deleted.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn disable_tool(&self, principal: &Principal, slug: &str) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        let allowed = access.tools(Action::Delete)?;
        let visible = Filter::any(access.tools(Action::Read).into_iter().chain([allowed.clone()]));
        let tool = self.inner.tools.tool(slug, &visible).await?.ok_or(RuntimeError::NotFound)?;
        access.require_tool(Action::Delete, &tool)?;
        match self.inner.tools.disable(slug, &allowed, self.stamp(principal)).await? {
            true => Ok(()),
            false => Err(RuntimeError::NotFound),
        }
    }

    /// Returns a page of the versions of a tool, newest first.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn tool_versions(
        &self,
        principal: &Principal,
        slug: String,
        page: PageRequest<ToolVersionCursor>,
    ) -> Result<Page<ToolVersion, ToolVersionCursor>, RuntimeError> {
        let visible = self.access(principal)?.tools(Action::Read)?;
        let query = ToolVersionQuery { slug, visible, page };
        self.inner.tools.versions(query).await?.ok_or(RuntimeError::NotFound)
    }
}

fn parse(new: &PublishTool) -> Result<ToolDefinition, RuntimeError> {
    if new.text.len() > MAX_DEFINITION_BYTES {
        return Err(RuntimeError::DefinitionTooLarge { limit: MAX_DEFINITION_BYTES, given: new.text.len() });
    }
    let parse: fn(&str, &[u8]) -> Result<ToolDefinition, DefinitionErrors> = match new.format {
        DefinitionFormat::Yaml => parse_yaml,
        DefinitionFormat::Json => parse_json,
    };
    parse(BODY, &new.text).map_err(RuntimeError::InvalidDefinition)
}

impl From<ToolError> for RuntimeError {
    fn from(error: ToolError) -> Self {
        match error {
            ToolError::NoSuchGroup => RuntimeError::NoSuchGroup,
            ToolError::Store(error) => RuntimeError::Store(error),
            error => RuntimeError::refused(&error),
        }
    }
}
