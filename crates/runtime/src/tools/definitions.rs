//! Cache of parsed tool definitions, by tool version.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use causerie_domain::ToolVersionId;
use causerie_domain::tools::{Tool, ToolVersion};

use crate::core::error::RuntimeError;
use causerie_tool_definitions::ToolDefinition;

/// Maximum number of cached definitions. When it is reached, the cache is cleared.
const MAX_CACHED: usize = 1024;

/// Cache of parsed definitions. Tool versions are immutable, so an entry is always valid.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    parsed: Mutex<HashMap<ToolVersionId, Arc<ToolDefinition>>>,
}

/// Tool of a session, with the version and definition that the session uses.
#[derive(Debug, Clone)]
pub(crate) struct PinnedTool {
    pub(crate) tool: Tool,
    pub(crate) version: ToolVersion,
    pub(crate) definition: Arc<ToolDefinition>,
}

impl Definitions {
    /// Returns the definition of a version, parsed at the first call.
    pub(crate) fn get(&self, version: &ToolVersion) -> Result<Arc<ToolDefinition>, RuntimeError> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(definition) = parsed.get(&version.id) {
            return Ok(Arc::clone(definition));
        }
        let definition = ToolDefinition::from_canonical(&version.definition).map_err(|error| {
            RuntimeError::Internal(format!("stored tool version {} cannot be parsed: {error}", version.id))
        })?;
        if parsed.len() >= MAX_CACHED {
            parsed.clear();
        }
        Ok(Arc::clone(parsed.entry(version.id).or_insert(Arc::new(definition))))
    }
}
