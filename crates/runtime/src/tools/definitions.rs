//! Tool definitions in memory, by the immutable version they belong to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use causerie_domain::ToolVersionId;
use causerie_domain::tools::{Tool, ToolVersion};

use crate::core::error::RuntimeError;
use causerie_tool_definitions::ToolDefinition;

/// Parsed definitions kept at most; beyond it the memory begins anew.
const KEPT: usize = 1024;

/// Definitions that were parsed before. Versions are immutable, so nothing here can be out of date.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    parsed: Mutex<HashMap<ToolVersionId, Arc<ToolDefinition>>>,
}

/// A session's tool as it is now, and the definition the session is pinned to.
#[derive(Debug, Clone)]
pub(crate) struct PinnedTool {
    pub(crate) tool: Tool,
    pub(crate) version: ToolVersion,
    pub(crate) definition: Arc<ToolDefinition>,
}

impl Definitions {
    /// The definition of a version.
    pub(crate) fn of(&self, version: &ToolVersion) -> Result<Arc<ToolDefinition>, RuntimeError> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(definition) = parsed.get(&version.id) {
            return Ok(Arc::clone(definition));
        }
        let definition = ToolDefinition::from_canonical(&version.definition).map_err(|error| {
            RuntimeError::Internal(format!("stored tool version {} cannot be read: {error}", version.id))
        })?;
        if parsed.len() >= KEPT {
            parsed.clear();
        }
        Ok(Arc::clone(parsed.entry(version.id).or_insert(Arc::new(definition))))
    }
}
