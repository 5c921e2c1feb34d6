//! Tool definitions: the YAML format in which authors describe assistants.
//!
//! [`rules`] is the one table of keys, from which the checks, the messages and the JSON Schema for editors are
//! made. A definition is read in three steps: bytes to a [`node`] tree that keeps everything, duplicates included;
//! the tree against the table, so that all mistakes are found and not only the first; the clean tree to a
//! [`ToolDefinition`]. Only then is a mistake's place looked up, by walking the text again to where it is.

mod check;
mod definition;
mod directory;
mod json;
mod load;
mod mistake;
mod node;
mod place;
mod rules;
mod schema;
mod source;
mod walk;
mod yaml;

#[cfg(test)]
mod tests;

pub use definition::{
    DEFAULT_MAX_MESSAGES, History, Limits, Placement, Reasoning, ToolDefinition, ToolParameters,
    canonical_json, content_hash,
};
pub use directory::load_directory;
pub use load::{load_files, parse_json, parse_yaml};
pub use mistake::{Position, ToolMistake};
pub use schema::{SCHEMA_FILE, tool_schema, tool_schema_text};
pub use source::MAX_DEFINITION_BYTES;
