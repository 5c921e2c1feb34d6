//! Selection of rows by a tool, for usage and the audit of sessions.

use causerie_domain::{Filter, ToolId};

use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Tools whose rows are selected.
#[derive(Debug)]
pub(crate) enum ToolSelection {
    All,
    One(ToolId),
    /// No tool has the requested slug.
    None,
}

impl ToolSelection {
    /// Returns the filter of visible rows and the tool that restrict a query; no row is visible if no tool is selected.
    pub(crate) fn restrict(self, visible: Filter) -> (Filter, Option<ToolId>) {
        match self {
            ToolSelection::All => (visible, None),
            ToolSelection::One(id) => (visible, Some(id)),
            ToolSelection::None => (Filter::Nothing, None),
        }
    }
}

impl Runtime {
    /// Returns the tools that a slug or id selects. Principals can select rows by a tool that they may not read,
    /// also by a disabled one, because the result has only rows that they may read.
    pub(crate) async fn tool_selection(
        &self,
        slug_or_id: Option<String>,
    ) -> Result<ToolSelection, RuntimeError> {
        let Some(slug_or_id) = slug_or_id else { return Ok(ToolSelection::All) };
        if let Ok(id) = slug_or_id.parse() {
            return Ok(ToolSelection::One(id));
        }
        let tool = self.inner.tools.tool(&slug_or_id, &Filter::Everything).await?;
        Ok(tool.map_or(ToolSelection::None, |tool| ToolSelection::One(tool.id)))
    }
}
