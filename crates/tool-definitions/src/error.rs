//! Errors of definitions and their positions.

use std::fmt;

/// Position in a text. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Position {
    /// Start of a text.
    pub const START: Position = Position { line: 1, column: 1 };

    /// Returns the position of the character that contains the byte at an offset.
    pub fn of_offset(text: &str, offset: usize) -> Self {
        let before = text.get(..text.floor_char_boundary(offset)).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
        }
    }
}

/// Error in a definition. It prints as `file:line:column: key: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionError {
    /// Name of the file, as the caller passed it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Path of keys, such as `parameters.stop[2]`; empty for the whole file.
    pub key: String,
    /// The same path as a JSON pointer (RFC 6901), such as `/parameters/stop/2`.
    pub pointer: String,
    pub message: String,
}

impl DefinitionError {
    /// Creates an error of the whole file.
    pub fn of_file(file: impl Into<String>, at: Position, message: impl Into<String>) -> Self {
        DefinitionError {
            file: file.into(),
            line: at.line,
            column: at.column,
            key: String::new(),
            pointer: String::new(),
            message: message.into(),
        }
    }
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for DefinitionError {}

/// Errors of one definition, sorted by position.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DefinitionErrors {
    pub listed: Vec<DefinitionError>,
    /// Number of errors that are not listed.
    pub omitted: usize,
}

impl fmt::Display for DefinitionErrors {
    /// Writes a line for each listed error, and a last line with the number of the others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.listed.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        match self.omitted {
            0 => Ok(()),
            omitted => write!(f, "\nand {omitted} more"),
        }
    }
}

impl std::error::Error for DefinitionErrors {}

impl From<DefinitionError> for DefinitionErrors {
    fn from(error: DefinitionError) -> Self {
        DefinitionErrors { listed: vec![error], omitted: 0 }
    }
}

/// Syntax error of YAML or JSON.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) at: Position,
    pub(super) message: String,
}

impl SyntaxError {
    /// Creates the error for nesting beyond the limit of a parser.
    pub(super) fn nesting_too_deep(at: Position) -> Self {
        SyntaxError { at, message: "nesting is too deep".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_lines_and_characters() {
        let check = |offset: usize, line: usize, column: usize| {
            assert_eq!(Position::of_offset("aü\nb🙂c\n", offset), Position { line, column }, "{offset}");
        };
        check(0, 1, 1);
        check(1, 1, 2);
        check(2, 1, 2);
        check(3, 1, 3);
        check(4, 2, 1);
        check(9, 2, 3);
        check(11, 3, 1);
        check(999, 3, 1);
    }

    #[test]
    fn an_error_prints_its_position_its_key_and_its_message() {
        let error = DefinitionError {
            key: "parameters.top_p".to_owned(),
            ..DefinitionError::of_file("a.yaml", Position { line: 3, column: 10 }, "expected a number")
        };
        assert_eq!(error.to_string(), "a.yaml:3:10: parameters.top_p: expected a number");
        assert_eq!(
            DefinitionError::of_file("a.yaml", Position::START, "the file is empty").to_string(),
            "a.yaml:1:1: the file is empty"
        );
    }

    #[test]
    fn errors_print_a_line_each_and_the_number_of_the_others() {
        let error = |line| DefinitionError::of_file("a.yaml", Position { line, column: 1 }, "unknown key");
        let mut errors = DefinitionErrors { listed: vec![error(1), error(2)], omitted: 0 };
        assert_eq!(errors.to_string(), "a.yaml:1:1: unknown key\na.yaml:2:1: unknown key");
        errors.omitted = 48;
        assert_eq!(errors.to_string(), "a.yaml:1:1: unknown key\na.yaml:2:1: unknown key\nand 48 more");
    }
}
