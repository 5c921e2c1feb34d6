//! YAML to nodes, and from a place in the tree to its line and column.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Visitor};

use super::mistake::{Broken, Position};
use super::node::{Budget, Node, ReadNode};
use super::place::Step;
use super::walk::{Mark, Walk};

/// Deeper brackets are refused before parsing: the parser's time grows with the square of their depth. Counted
/// without regard to quotes, so it is far beyond what any text has.
const MOST_OPEN_BRACKETS: usize = 1000;

/// Reads the one document of a text.
pub(super) fn read(text: &str, budget: &mut Budget) -> Result<Node, Broken> {
    if let Some(offset) = too_many_brackets(text) {
        let at = Position::of_offset(text, offset);
        return Err(Broken { at, message: "is nested too deeply".to_owned() });
    }
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let node = match documents.next() {
        Some(document) => ReadNode(budget).deserialize(document).map_err(broken)?,
        None => Node::Null,
    };
    // Only asked for after the first was read: the parser cannot go on after an error.
    match documents.next().and_then(|second| halt(second, &[])) {
        Some(halted) if is_halt(&halted) => Err(Broken {
            at: position(&halted).unwrap_or(Position::START),
            message: "a second document begins here, but a file holds one definition".to_owned(),
        }),
        Some(error) => Err(broken(error)),
        None => Ok(node),
    }
}

/// The line and column of a place in the first document.
pub(super) fn locate(text: &str, steps: &[Step]) -> Option<Position> {
    halt(serde_yaml::Deserializer::from_str(text).next()?, steps).as_ref().and_then(position)
}

/// The parser says where it is only in its errors, so the walk ends in one.
fn halt(document: serde_yaml::Deserializer<'_>, steps: &[Step]) -> Option<serde_yaml::Error> {
    Walk { steps, mark: Halt }.deserialize(document).err()
}

fn is_halt(error: &serde_yaml::Error) -> bool {
    error.to_string().contains(HALT)
}

fn position(error: &serde_yaml::Error) -> Option<Position> {
    error.location().map(|location| Position { line: location.line(), column: location.column() })
}

/// An error of the parser without its place, which is told beside it.
fn broken(error: serde_yaml::Error) -> Broken {
    let at = position(&error).unwrap_or(Position::START);
    let text = error.to_string().replacen(&format!(" at line {} column {}", at.line, at.column), "", 1);
    let message = match text.as_str() {
        "recursion limit exceeded" => "is nested too deeply".to_owned(),
        "repetition limit exceeded" => "its anchors expand too far".to_owned(),
        _ => format!("is not valid YAML: {text}"),
    };
    Broken { at, message }
}

fn too_many_brackets(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    text.bytes().position(|byte| {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > MOST_OPEN_BRACKETS
    })
}

struct Halt;

/// What the error at the end of a walk says.
const HALT: &str = "the end of the walk";

impl<'de> Mark<'de> for Halt {
    type Found = ();

    fn value<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }

    fn key<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Accepts nothing: every value is an error at its place.
impl Visitor<'_> for Halt {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HALT)
    }
}
