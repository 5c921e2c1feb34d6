//! The text of a definition: decoding it, reading it, finding places in it.

use super::mistake::{Position, ToolMistake};
use super::node::{Budget, Node};
use super::place::{Spot, Step};
use super::{json, yaml};

/// The largest definition in bytes.
pub const MAX_DEFINITION_BYTES: usize = 256 * 1024;

/// How a definition is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// YAML, one document.
    Yaml,
    /// JSON, one value.
    Json,
}

/// The text of one definition.
#[derive(Debug)]
pub(super) struct Source<'a> {
    file: &'a str,
    text: &'a str,
    format: Format,
}

impl<'a> Source<'a> {
    /// Decodes a file: UTF-8, a byte order mark left out, not too large.
    pub(super) fn decode(file: &'a str, bytes: &'a [u8], format: Format) -> Result<Self, ToolMistake> {
        if bytes.len() > MAX_DEFINITION_BYTES {
            let message = format!("has more than the {MAX_DEFINITION_BYTES} bytes a definition may have");
            return Err(ToolMistake::of_file(file, Position::START, message));
        }
        let bytes = bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Source { file, text, format }),
            Err(error) => {
                let valid = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or(&[]));
                let at = Position::of_offset(&valid, valid.len());
                Err(ToolMistake::of_file(file, at, "is not UTF-8"))
            }
        }
    }

    /// Reads the whole text.
    pub(super) fn read(&self) -> Result<Node, ToolMistake> {
        // Without anchors, a text has at most as many nodes as bytes, and as many bytes of text.
        let mut budget = Budget::new(2 * MAX_DEFINITION_BYTES + 2);
        let read = match self.format {
            Format::Yaml => yaml::read(self.text, &mut budget),
            Format::Json => json::read(self.text, &mut budget),
        };
        read.map_err(|broken| {
            let message = if budget.spent { "its anchors expand too far".to_owned() } else { broken.message };
            ToolMistake::of_file(self.file, broken.at, message)
        })
    }

    /// A mistake at a place.
    pub(super) fn mistake(&self, spot: &Spot, message: String) -> ToolMistake {
        let Position { line, column } = self.locate(&spot.steps);
        let (key, pointer) = (spot.key.clone(), spot.pointer.clone());
        ToolMistake { file: self.file.to_owned(), line, column, key, pointer, message }
    }

    /// Where the steps lead, or as far along them as can be told.
    fn locate(&self, steps: &[Step]) -> Position {
        let found = match self.format {
            Format::Yaml => yaml::locate(self.text, steps),
            Format::Json => json::locate(self.text, steps),
        };
        match (found, steps.split_last()) {
            (Some(position), _) => position,
            (None, Some((_, shorter))) => self.locate(shorter),
            (None, None) => Position::START,
        }
    }
}
