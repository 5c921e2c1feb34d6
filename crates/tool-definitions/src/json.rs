//! JSON: reading a text to nodes, and the position of a node.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use super::error::{Position, SyntaxError};
use super::locate::{Locate, Probe};
use super::node::{Node, ReadNode, SizeBudget};
use super::path::PathSegment;

/// Reads a text with exactly one value.
pub(super) fn read(text: &str, budget: &mut SizeBudget) -> Result<Node, SyntaxError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let node = ReadNode(budget).deserialize(&mut deserializer).map_err(syntax_error)?;
    deserializer.end().map_err(syntax_error)?;
    Ok(node)
}

/// Returns the position of a node.
pub(super) fn locate(text: &str, segments: &[PathSegment]) -> Option<Position> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let address = Locate { segments, probe: AddressProbe }.deserialize(&mut deserializer).ok()??;
    Some(Position::of_offset(text, address.checked_sub(text.as_ptr().addr())?))
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

/// Probe that borrows the node from the text. The address of the borrowed text yields the position.
struct AddressProbe;

impl<'de> Probe<'de> for AddressProbe {
    type Output = usize;

    fn value<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| raw.get().as_ptr().addr())
    }

    fn key<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        // The borrowed key starts after its quote.
        deserializer.deserialize_str(self).map(|key| key.as_ptr().addr().saturating_sub(1))
    }
}

/// Accepts keys without escapes only: others cannot be borrowed. The caller then reports the position of the parent.
impl<'de> Visitor<'de> for AddressProbe {
    type Value = &'de str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<&'de str, E> {
        Ok(key)
    }
}
