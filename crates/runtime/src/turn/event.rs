//! What a reader of a turn sees, and the cursor by which it comes back.

use std::fmt;
use std::str::FromStr;

use causerie_domain::messages::PartKind;
use causerie_domain::turns::{ContextReport, Turn};
use causerie_domain::usage::MessageUsage;
use causerie_domain::{MessageId, SessionId, TurnId};

/// What a reader of a turn sees, in order: `Started` first, exactly one `Ended` last. A further `Started`, always
/// from 0, takes back what came before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnEvent {
    /// The reader is in place.
    Started(TurnStart),
    /// Earlier messages were left out. Comes before the first piece, or the end, where reading began at position 0.
    Context(ContextReport),
    /// A piece of the answer.
    Delta(Delta),
    /// The turn ended, and is stored as it says; but see [`TurnEnd::turn`].
    Ended(Box<TurnEnd>),
}

/// Where a reader starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnStart {
    /// The conversation.
    pub session_id: SessionId,
    /// The turn.
    pub turn_id: TurnId,
    /// The message that was sent.
    pub user_message_id: MessageId,
    /// The answer.
    pub assistant_message_id: MessageId,
    /// The answer's place in the conversation.
    pub seq: i64,
    /// The model that was asked.
    pub model: String,
    /// The position that reading goes on from; 0 means "discard what you have".
    pub from: u64,
    /// The runtime's mark, such as that a simulator answers.
    pub mark: Option<String>,
}

/// A piece of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// Which part of the answer it belongs to, from 0.
    pub part: usize,
    /// What kind of part that is.
    pub kind: PartKind,
    /// The piece.
    pub text: String,
    /// The position after it: characters (Unicode scalar values) of reasoning and text so far.
    pub position: u64,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnEnd {
    /// The turn, not running any more. Where its end could not be stored it is said to be running, with an internal
    /// failure: another instance or a later start will close it, and coming back from the same place shows how.
    pub turn: Turn,
    /// The tokens and cost of all its requests.
    pub usage: Option<MessageUsage>,
}

/// A place in the stream of a turn, as clients keep it: `<turn_id>:<position>` or `<turn_id>:end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The turn.
    pub turn_id: TurnId,
    /// The place.
    pub place: Place,
}

/// A place in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// After this many characters.
    At(u64),
    /// After the terminal frame.
    End,
}

/// A text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a stream position")]
pub struct InvalidCursor(String);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::At(position) => position.fmt(f),
            Place::End => f.write_str("end"),
        }
    }
}

impl FromStr for Place {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let canonical = |position: &u64| position.to_string() == text;
        match text {
            "end" => Ok(Place::End),
            _ => text.parse().ok().filter(canonical).map(Place::At).ok_or_else(|| refuse(text)),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.turn_id, self.place)
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (turn, place) = text.split_once(':').ok_or_else(|| refuse(text))?;
        Ok(Cursor { turn_id: turn.parse().map_err(|_| refuse(text))?, place: place.parse()? })
    }
}

fn refuse(text: &str) -> InvalidCursor {
    InvalidCursor(text.chars().take(64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: &str = "01990000-0000-7000-8000-000000000001";

    #[test]
    fn a_cursor_reads_back_what_it_prints() {
        for place in ["0", "12", "18446744073709551615", "end"] {
            let text = format!("{TURN}:{place}");
            assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for place in ["", "-1", "+1", "01", "1.0", "END", " 1", "18446744073709551616", "1:2"] {
            assert!(format!("{TURN}:{place}").parse::<Cursor>().is_err(), "{place}");
        }
        assert!(TURN.parse::<Cursor>().is_err());
        assert!("turn:1".parse::<Cursor>().is_err());
    }
}
