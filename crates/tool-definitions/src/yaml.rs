//! YAML: reading a document to nodes.

use std::fmt;

use serde::de::{DeserializeSeed as _, Deserializer as _, Visitor};

use super::error::{Position, SyntaxError};
use super::node::{Node, ReadNode, SizeBudget};

/// Maximum number of open brackets.
///
/// The time of the parser grows with the square of their depth, so deeper nesting is refused before parsing. The count
/// includes brackets in quoted texts; the limit is far above that of any real definition.
const MAX_OPEN_BRACKETS: usize = 1000;

/// Reads a text with at most one document.
pub(super) fn read(text: &str, budget: &mut SizeBudget) -> Result<Node, SyntaxError> {
    if let Some(offset) = too_many_brackets(text) {
        return Err(SyntaxError::nesting_too_deep(Position::of_offset(text, offset)));
    }
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let node = match documents.next() {
        Some(document) => ReadNode(budget).deserialize(document).map_err(syntax_error)?,
        None => Node::Null,
    };
    // The second document is requested after the first was read: the parser cannot continue after an error.
    match documents.next().and_then(|second| second.deserialize_any(FailingVisitor).err()) {
        Some(stopped) if is_probe_error(&stopped) => Err(SyntaxError {
            at: position(&stopped).unwrap_or(Position::START),
            message: "the file has a second YAML document; expected one definition".to_owned(),
        }),
        Some(error) => Err(syntax_error(error)),
        None => Ok(node),
    }
}

fn is_probe_error(error: &serde_yaml::Error) -> bool {
    error.to_string().contains(PROBE_MESSAGE)
}

fn position(error: &serde_yaml::Error) -> Option<Position> {
    error.location().map(|location| Position { line: location.line(), column: location.column() })
}

/// Converts an error of the parser and removes the position from its text.
fn syntax_error(error: serde_yaml::Error) -> SyntaxError {
    let at = position(&error).unwrap_or(Position::START);
    let text = error.to_string().replacen(&format!(" at line {} column {}", at.line, at.column), "", 1);
    match text.as_str() {
        "recursion limit exceeded" => SyntaxError::nesting_too_deep(at),
        "repetition limit exceeded" => SyntaxError { at, message: SizeBudget::EXCEEDED.to_owned() },
        _ => SyntaxError { at, message: format!("invalid YAML: {text}") },
    }
}

fn too_many_brackets(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    text.bytes().position(|byte| {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > MAX_OPEN_BRACKETS
    })
}

/// Visitor that accepts no value, so that the parser returns an error with the current position.
struct FailingVisitor;

/// Part of the text of an error that [`FailingVisitor`] causes.
const PROBE_MESSAGE: &str = "no second document";

impl Visitor<'_> for FailingVisitor {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PROBE_MESSAGE)
    }
}
