//! Events of a turn, and the cursor with which a client resumes its stream.

use std::fmt;
use std::str::FromStr;

use causerie_domain::messages::PartKind;
use causerie_domain::turns::{ContextReport, Turn};
use causerie_domain::usage::MessageUsage;
use causerie_domain::{MessageId, SessionId, TurnId};

/// Event of a turn. `Started` is the first one and exactly one `Ended` the last.
///
/// A second `Started` has `from` 0 and replaces all events before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnEvent {
    Started(TurnStart),
    /// Earlier messages were left out of the request. Readers that start at position 0 receive it before the first
    /// delta, or before the end of an empty answer.
    Context(ContextReport),
    Delta(Delta),
    /// End of the turn, as it is stored; [`TurnEnd::turn`] names the exception.
    Ended(Box<TurnEnd>),
}

/// Start of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnStart {
    pub session_id: SessionId,
    pub turn_id: TurnId,
    pub user_message_id: MessageId,
    pub assistant_message_id: MessageId,
    /// Sequence number of the answer in the session.
    pub seq: i64,
    /// Requested model.
    pub model: String,
    /// Position of the first delta. With 0, the client discards the text it has.
    pub from: u64,
    /// Value of [`Settings::answer_mark`](crate::Settings::answer_mark), for example if the answers are simulated.
    pub mark: Option<String>,
}

/// Piece of the answer: text, or a whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// Index of the part that the piece belongs to, from 0.
    pub part: usize,
    pub kind: PartKind,
    /// Text, or the URL of the file.
    pub text: String,
    /// Position after the piece: the number of characters (Unicode scalar values) of reasoning and text, and of files,
    /// up to here.
    pub position: u64,
}

/// End of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnEnd {
    /// The ended turn. If its end could not be stored, the turn has the status running and an internal failure:
    /// another instance or a later start closes it, and a reader that resumes from the same position receives that
    /// end.
    pub turn: Turn,
    /// Tokens and cost of all requests of the turn.
    pub usage: Option<MessageUsage>,
}

/// Cursor of a stream, with the text form `<turn_id>:<position>` or `<turn_id>:end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnCursor {
    pub turn_id: TurnId,
    pub position: CursorPosition,
}

/// Position in the stream of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorPosition {
    /// After this many characters and files.
    At(u64),
    /// After the terminal frame.
    End,
}

/// Error for a text that is not a cursor or a position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a stream position")]
pub struct InvalidCursor(String);

impl fmt::Display for CursorPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CursorPosition::At(position) => position.fmt(f),
            CursorPosition::End => f.write_str("end"),
        }
    }
}

impl FromStr for CursorPosition {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let canonical = |position: &u64| position.to_string() == text;
        match text {
            "end" => Ok(CursorPosition::End),
            _ => text.parse().ok().filter(canonical).map(CursorPosition::At).ok_or_else(|| invalid(text)),
        }
    }
}

impl fmt::Display for TurnCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.turn_id, self.position)
    }
}

impl FromStr for TurnCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (turn, position) = text.split_once(':').ok_or_else(|| invalid(text))?;
        Ok(TurnCursor { turn_id: turn.parse().map_err(|_| invalid(text))?, position: position.parse()? })
    }
}

fn invalid(text: &str) -> InvalidCursor {
    InvalidCursor(text.chars().take(64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: &str = "01990000-0000-7000-8000-000000000001";

    #[test]
    fn a_cursor_can_be_parsed_from_its_text_form() {
        for position in ["0", "12", "18446744073709551615", "end"] {
            let text = format!("{TURN}:{position}");
            assert_eq!(text.parse::<TurnCursor>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_text_that_is_not_a_cursor_is_refused() {
        for position in ["", "-1", "+1", "01", "1.0", "END", " 1", "18446744073709551616", "1:2"] {
            assert!(format!("{TURN}:{position}").parse::<TurnCursor>().is_err(), "{position}");
        }
        assert!(TURN.parse::<TurnCursor>().is_err());
        assert!("turn:1".parse::<TurnCursor>().is_err());
    }
}
