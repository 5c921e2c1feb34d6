//! What is wrong with a definition, and where.

use std::fmt;

/// A place in a text. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// Where a text begins.
    pub const START: Position = Position { line: 1, column: 1 };

    /// The place of a byte; that of the character it belongs to.
    pub fn of_offset(text: &str, offset: usize) -> Self {
        let before = text.get(..text.floor_char_boundary(offset)).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
        }
    }
}

/// One mistake in one definition. It prints as `file:line:column: key: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolMistake {
    /// The file, or what stands for it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The path of keys, such as `parameters.stop[2]`; empty for the file as a whole.
    pub key: String,
    /// The same path as a JSON pointer, such as `/parameters/stop/2`.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

impl ToolMistake {
    /// A mistake of a file as a whole.
    pub fn of_file(file: impl Into<String>, at: Position, message: impl Into<String>) -> Self {
        ToolMistake {
            file: file.into(),
            line: at.line,
            column: at.column,
            key: String::new(),
            pointer: String::new(),
            message: message.into(),
        }
    }
}

impl fmt::Display for ToolMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ToolMistake {}

/// A definition that cannot be read at all.
#[derive(Debug)]
pub(super) struct Broken {
    /// Where reading ended.
    pub(super) at: Position,
    /// Why.
    pub(super) message: String,
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
    fn a_mistake_prints_its_place_its_key_and_its_message() {
        let mistake = ToolMistake {
            key: "parameters.top_p".to_owned(),
            ..ToolMistake::of_file("a.yaml", Position { line: 3, column: 10 }, "expected a number")
        };
        assert_eq!(mistake.to_string(), "a.yaml:3:10: parameters.top_p: expected a number");
        assert_eq!(
            ToolMistake::of_file("a.yaml", Position::START, "is empty").to_string(),
            "a.yaml:1:1: is empty"
        );
    }
}
