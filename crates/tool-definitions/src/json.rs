//! JSON: reading a text to nodes.

use serde::de::DeserializeSeed as _;

use super::error::{Position, SyntaxError};
use super::node::{Node, ReadNode, SizeBudget};

/// Reads a text with exactly one value.
pub(super) fn read(text: &str, budget: &mut SizeBudget) -> Result<Node, SyntaxError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let node = ReadNode(budget).deserialize(&mut deserializer).map_err(syntax_error)?;
    deserializer.end().map_err(syntax_error)?;
    Ok(node)
}

/// Converts an error of the parser and removes the position from its text.
fn syntax_error(error: serde_json::Error) -> SyntaxError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string().replacen(&format!(" at line {line} column {column}"), "", 1);
    let at = Position { line: line.max(1), column: column.max(1) };
    match text.as_str() {
        "recursion limit exceeded" => SyntaxError::nesting_too_deep(at),
        _ => SyntaxError { at, message: format!("invalid JSON: {text}") },
    }
}
