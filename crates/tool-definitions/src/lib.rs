//! Tool definitions: the YAML format in which authors describe assistants.
//!
//! One table (`keys`) lists the keys of a definition. The checks, the error messages and the JSON Schema for editors
//! are derived from it. A definition is read in three steps:
//!
//! 1. `node`: bytes to a tree of nodes that keeps duplicate keys, keys that are not text, and tags.
//! 2. `check`: the tree against the table. All errors are collected, not only the first.
//! 3. `definition`: the checked tree to a [`ToolDefinition`].
//!
//! The lines and columns of all errors are looked up afterwards (`positions`) in one further pass over the text.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod check;
mod definition;
mod directory;
mod error;
mod json;
mod keys;
mod load;
mod node;
mod path;
mod positions;
mod schema;
mod source;
mod yaml;

pub use definition::{
    CacheMode, DEFAULT_MAX_MESSAGES, History, Limits, Reasoning, ToolDefinition, ToolParameters, Trim,
    VersionMetadata, canonical_json, content_hash,
};
pub use directory::load_directory;
pub use error::{DefinitionError, DefinitionErrors, Position};
pub use keys::is_slug;
pub use load::{load_files, parse_json, parse_yaml};
pub use schema::{SCHEMA_FILE, tool_schema, tool_schema_text};
pub use source::MAX_DEFINITION_BYTES;
