//! JSON to nodes, and from a place in the tree to its line and column.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use super::mistake::{Broken, Position};
use super::node::{Budget, Node, ReadNode};
use super::place::Step;
use super::walk::{Mark, Walk};

/// Reads the one value of a text.
pub(super) fn read(text: &str, budget: &mut Budget) -> Result<Node, Broken> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let node = ReadNode(budget).deserialize(&mut deserializer).map_err(broken)?;
    deserializer.end().map_err(broken)?;
    Ok(node)
}

/// The line and column of a place.
pub(super) fn locate(text: &str, steps: &[Step]) -> Option<Position> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let address = Walk { steps, mark: Borrow }.deserialize(&mut deserializer).ok()??;
    Some(Position::of_offset(text, address.checked_sub(text.as_ptr().addr())?))
}

fn broken(error: serde_json::Error) -> Broken {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string().replacen(&format!(" at line {line} column {column}"), "", 1);
    let at = Position { line: line.max(1), column: column.max(1) };
    let message = match text.as_str() {
        "recursion limit exceeded" => "is nested too deeply".to_owned(),
        _ => format!("is not valid JSON: {text}"),
    };
    Broken { at, message }
}

/// Borrows what stands at the place from the text: where it points to is where it stands.
struct Borrow;

impl<'de> Mark<'de> for Borrow {
    type Found = usize;

    fn value<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| raw.get().as_ptr().addr())
    }

    fn key<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        // The key is borrowed without its quote.
        deserializer.deserialize_str(self).map(|key| key.as_ptr().addr().saturating_sub(1))
    }
}

/// Only a key without escapes can be borrowed. For others the caller falls back to what the key is in.
impl<'de> Visitor<'de> for Borrow {
    type Value = &'de str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<&'de str, E> {
        Ok(key)
    }
}
