//! Tools that are posted, their versions, and the end of a tool.

use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{ToolError, ToolVersionCursor, ToolVersionQuery};
use causerie_domain::principal::Principal;
use causerie_domain::tools::{Tool, ToolVersion};
use causerie_domain::{Filter, GroupId, ToolId, ToolVersionId};

use crate::authorization::Action;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;
use causerie_tool_definitions::{
    MAX_DEFINITION_BYTES, VersionMetadata, ToolDefinition, DefinitionError, parse_json, parse_yaml,
};

/// How a definition that was posted is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionFormat {
    /// YAML, one document.
    Yaml,
    /// JSON, one value.
    Json,
}

/// A definition to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostTool {
    /// How it is written.
    pub format: DefinitionFormat,
    /// The text.
    pub text: Vec<u8>,
    /// The group that the tool is for; none for everyone.
    pub group_id: Option<GroupId>,
}

/// What stands for the file in the mistakes of a posted definition.
const BODY: &str = "body";

impl Runtime {
    /// Stores a tool, or a further version of one. Says whether the version is new; posting the same content again
    /// only enables the tool. A new tool is its poster's; the owner and the group of one that exists stay.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`], [`RuntimeError::DefinitionTooLarge`], [`RuntimeError::InvalidDefinition`],
    /// [`RuntimeError::VersionConflict`], [`RuntimeError::NameTaken`], [`RuntimeError::NoSuchGroup`].
    pub async fn post_tool(
        &self,
        principal: &Principal,
        post: PostTool,
    ) -> Result<(Tool, bool), RuntimeError> {
        let inner = &self.inner;
        let access = self.access(principal)?;
        let allowed = access.tools(Action::Create)?;
        let definition = read(&post)?;
        let ids = inner.ids.as_ref();
        let version = definition.to_version(VersionMetadata {
            tool_id: ToolId::next(ids),
            version_id: ToolVersionId::next(ids),
            group_id: post.group_id,
            owner_id: Some(principal.user.id),
            created_at: inner.clock.now(),
        });
        access.require_new_tool(&version)?;
        Ok(inner.tools.post(version, &allowed, self.stamp(principal)).await?)
    }

    /// Disables a tool: no new conversation and no new message may use it. Nothing is deleted.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn disable_tool(&self, principal: &Principal, slug: &str) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        let allowed = access.tools(Action::Delete)?;
        let known = Filter::any(access.tools(Action::Read).into_iter().chain([allowed.clone()]));
        let tool = self.inner.tools.tool(slug, &known).await?.ok_or(RuntimeError::NotFound)?;
        access.require_tool(Action::Delete, &tool)?;
        match self.inner.tools.disable(slug, &allowed, self.stamp(principal)).await? {
            true => Ok(()),
            false => Err(RuntimeError::NotFound),
        }
    }

    /// The versions of a tool, newest first.
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
        let list = ToolVersionQuery { slug, visible, page };
        self.inner.tools.versions(list).await?.ok_or(RuntimeError::NotFound)
    }
}

fn read(post: &PostTool) -> Result<ToolDefinition, RuntimeError> {
    if post.text.len() > MAX_DEFINITION_BYTES {
        return Err(RuntimeError::DefinitionTooLarge { limit: MAX_DEFINITION_BYTES, given: post.text.len() });
    }
    let parse: fn(&str, &[u8]) -> Result<ToolDefinition, Vec<DefinitionError>> = match post.format {
        DefinitionFormat::Yaml => parse_yaml,
        DefinitionFormat::Json => parse_json,
    };
    parse(BODY, &post.text).map_err(RuntimeError::InvalidDefinition)
}

impl From<ToolError> for RuntimeError {
    fn from(error: ToolError) -> Self {
        match error {
            ToolError::VersionConflict { slug, version } => RuntimeError::VersionConflict { slug, version },
            ToolError::SlugTaken { slug } => RuntimeError::NameTaken(slug),
            ToolError::NoSuchGroup => RuntimeError::NoSuchGroup,
            ToolError::Store(error) => RuntimeError::Store(error),
        }
    }
}
