//! Text of a definition: decoding, reading, and positions of nodes.

use super::error::{DefinitionError, Position};
use super::node::{Node, SizeBudget};
use super::path::OwnedPath;
use super::positions::Positions;
use super::{json, yaml};

/// Maximum size of a definition in bytes.
pub const MAX_DEFINITION_BYTES: usize = 256 * 1024;

/// Format of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// YAML with one document.
    Yaml,
    /// JSON with one value.
    Json,
}

/// Text of one definition.
#[derive(Debug)]
pub(super) struct Source<'a> {
    file: &'a str,
    text: &'a str,
    format: Format,
}

impl<'a> Source<'a> {
    /// Decodes UTF-8 up to the maximum size and removes a byte order mark.
    pub(super) fn decode(file: &'a str, bytes: &'a [u8], format: Format) -> Result<Self, DefinitionError> {
        if bytes.len() > MAX_DEFINITION_BYTES {
            let message = format!("the file is larger than {MAX_DEFINITION_BYTES} bytes");
            return Err(DefinitionError::of_file(file, Position::START, message));
        }
        let bytes = bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Source { file, text, format }),
            Err(error) => {
                let valid = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or(&[]));
                let at = Position::of_offset(&valid, valid.len());
                Err(DefinitionError::of_file(file, at, "invalid UTF-8"))
            }
        }
    }

    /// Reads the text to a tree of nodes.
    pub(super) fn read(&self) -> Result<Node, DefinitionError> {
        // Without aliases, a text has at most as many nodes as bytes, and as many bytes in its values.
        let mut budget = SizeBudget::new(2 * MAX_DEFINITION_BYTES + 2);
        let read = match self.format {
            Format::Yaml => yaml::read(self.text, &mut budget),
            Format::Json => json::read(self.text, &mut budget),
        };
        read.map_err(|error| {
            let message = if budget.is_exceeded { SizeBudget::EXCEEDED.to_owned() } else { error.message };
            DefinitionError::of_file(self.file, error.at, message)
        })
    }

    /// Creates an error at each of these nodes.
    pub(super) fn errors_at(
        &self,
        found: impl IntoIterator<Item = (OwnedPath, String)>,
    ) -> Vec<DefinitionError> {
        let positions = match self.format {
            Format::Yaml => Positions::of_yaml(self.text),
            Format::Json => Positions::of_json(self.text),
        };
        let error = |(path, message): (OwnedPath, String)| {
            let Position { line, column } = positions.find(&path.segments);
            let OwnedPath { key, pointer, .. } = path;
            DefinitionError { file: self.file.to_owned(), line, column, key, pointer, message }
        };
        found.into_iter().map(error).collect()
    }
}
