//! Log of a running turn: append-only text in memory, with any number of readers.
//!
//! The text is stored once for all readers: a reader is a cursor in the log and has no queue, so slow readers use
//! no memory. Positions count characters (Unicode scalar values) of reasoning and text in the order of the stream,
//! so that they are also valid in the stored message of an ended turn.

use std::sync::{Mutex, MutexGuard, PoisonError};

use causerie_domain::messages::{Part, PartKind};
use causerie_domain::turns::{ContextReport, Segment};
use tokio::sync::watch;

use super::event::{Delta, TurnEnd, TurnStart};

/// Maximum size of a delta in bytes, so that a late reader does not copy a whole answer at once.
const MAX_DELTA_BYTES: usize = 16 * 1024;

/// Log of one turn in this process.
#[derive(Debug)]
pub(crate) struct TurnLog {
    /// First event of all readers; each reader sets `from`.
    pub(crate) start: TurnStart,
    state: Mutex<LogState>,
    version: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct LogState {
    parts: Vec<LogPart>,
    length: u64,
    context: Option<ContextReport>,
    ending: Option<Ending>,
}

/// End of a log.
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    /// The log has the whole turn: it was stored like this, or its end could not be stored.
    Final(Box<TurnEnd>),
    /// Another instance closed the turn, possibly with less text. Readers continue from the store.
    Superseded,
}

#[derive(Debug)]
struct LogPart {
    kind: PartKind,
    text: String,
    /// Position of the first character.
    start: u64,
}

/// Cursor of a reader in a log. It only moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LogCursor {
    part: usize,
    byte: usize,
    position: u64,
}

impl LogCursor {
    /// Returns the number of characters before the cursor.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }
}

impl TurnLog {
    /// Creates an empty log. `context` is the report on the request of the turn.
    pub(crate) fn new(start: TurnStart, context: Option<ContextReport>) -> Self {
        let state = LogState { context, ..LogState::default() };
        TurnLog { start, state: Mutex::new(state), version: watch::Sender::new(0) }
    }

    /// Appends text of the answer.
    pub(crate) fn append(&self, kind: PartKind, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut state = self.lock();
        let start = state.length;
        match state.parts.last_mut() {
            Some(last) if last.kind == kind => last.text.push_str(text),
            _ => state.parts.push(LogPart { kind, text: text.to_owned(), start }),
        }
        state.length += characters(text);
        drop(state);
        self.notify();
    }

    /// Replaces the report after the request was rebuilt.
    pub(crate) fn set_context(&self, report: ContextReport) {
        self.lock().context = Some(report);
    }

    /// Returns the report on the request that was sent last.
    pub(crate) fn context(&self) -> Option<ContextReport> {
        self.lock().context
    }

    /// Ends the log. A second call is ignored, so that readers receive exactly one end.
    pub(crate) fn end(&self, ending: Ending) {
        self.lock().ending.get_or_insert(ending);
        self.notify();
    }

    /// Returns the end of the log, if it has ended.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.lock().ending.clone()
    }

    /// Returns the length of the text in characters.
    pub(crate) fn length(&self) -> u64 {
        self.lock().length
    }

    /// Returns the text of the answer, by part.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let state = self.lock();
        state.parts.iter().map(|part| Part { kind: part.kind, text: part.text.clone() }).collect()
    }

    /// Returns the cursor after `position` characters, or `None` if the log is shorter.
    pub(crate) fn cursor_at(&self, position: u64) -> Option<LogCursor> {
        let state = self.lock();
        if position > state.length {
            return None;
        }
        let part = state.parts.iter().rposition(|part| part.start <= position).unwrap_or(0);
        let byte = match state.parts.get(part) {
            Some(found) => byte_offset(&found.text, position - found.start),
            None => 0,
        };
        Some(LogCursor { part, byte, position })
    }

    /// Returns the next piece of one part, at most [`MAX_DELTA_BYTES`] long, and moves the cursor behind it.
    pub(crate) fn read(&self, cursor: &mut LogCursor) -> Option<Delta> {
        let state = self.lock();
        loop {
            let part = state.parts.get(cursor.part)?;
            let rest = part.text.get(cursor.byte..).unwrap_or_default();
            if rest.is_empty() {
                if cursor.part + 1 >= state.parts.len() {
                    return None;
                }
                *cursor = LogCursor { part: cursor.part + 1, byte: 0, position: cursor.position };
                continue;
            }
            let text = prefix(rest, MAX_DELTA_BYTES);
            cursor.byte += text.len();
            cursor.position += characters(text);
            let position = cursor.position;
            return Some(Delta { part: cursor.part, kind: part.kind, text: text.to_owned(), position });
        }
    }

    /// Returns all text after the cursor as segments for the store, and moves the cursor to the end.
    pub(crate) fn read_segments(&self, cursor: &mut LogCursor) -> Vec<Segment> {
        let mut segments = Vec::new();
        loop {
            let position = cursor.position;
            match self.read(cursor) {
                Some(delta) => segments.push(Segment { position, kind: delta.kind, text: delta.text }),
                None => return segments,
            }
        }
    }

    /// Returns a receiver that is notified of each later change.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn notify(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        // Each change under this lock leaves a valid state, so a poisoned lock can be used.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn characters(text: &str) -> u64 {
    text.chars().count() as u64
}

/// Returns the byte offset after `count` characters, or the length of a shorter text.
pub(crate) fn byte_offset(text: &str, count: u64) -> usize {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    text.char_indices().nth(count).map_or(text.len(), |(byte, _)| byte)
}

/// Returns the longest prefix with at most `limit` bytes that ends between two characters.
pub(crate) fn prefix(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use causerie_domain::turns::TurnStatus;
    use proptest::prelude::*;

    use super::*;
    use crate::turn::testing;

    fn log(parts: &[(PartKind, &str)]) -> TurnLog {
        let log = TurnLog::new(testing::turn_start(), None);
        for (kind, text) in parts {
            log.append(*kind, text);
        }
        log
    }

    fn read_all(log: &TurnLog, cursor: &mut LogCursor) -> String {
        std::iter::from_fn(|| log.read(cursor)).map(|delta| delta.text).collect()
    }

    #[test]
    fn a_reader_receives_parts_in_order_with_positions_in_characters() {
        let log = log(&[(PartKind::Reasoning, "hmm"), (PartKind::Text, "né"), (PartKind::Text, "🦀!")]);
        let mut cursor = LogCursor::default();
        let first = log.read(&mut cursor).unwrap();
        assert_eq!(
            (first.part, first.kind, first.text.as_str(), first.position),
            (0, PartKind::Reasoning, "hmm", 3)
        );
        let second = log.read(&mut cursor).unwrap();
        assert_eq!(
            (second.part, second.kind, second.text.as_str(), second.position),
            (1, PartKind::Text, "né🦀!", 7)
        );
        assert_eq!(log.read(&mut cursor), None);
        log.append(PartKind::Text, "?");
        assert_eq!(log.read(&mut cursor).unwrap().position, 8);
    }

    #[test]
    fn a_position_between_two_parts_belongs_to_the_second() {
        let log = log(&[(PartKind::Reasoning, "hmm"), (PartKind::Text, "yes")]);
        let mut cursor = log.cursor_at(3).unwrap();
        assert_eq!(log.read(&mut cursor).unwrap().part, 1);
        assert_eq!(log.cursor_at(7), None);
    }

    #[test]
    fn a_long_text_is_read_in_pieces() {
        let text = "é".repeat(20_000);
        let log = log(&[(PartKind::Text, &text)]);
        let mut cursor = LogCursor::default();
        assert!(log.read(&mut cursor).unwrap().text.len() <= MAX_DELTA_BYTES);
        assert_eq!(read_all(&log, &mut LogCursor::default()), text);
    }

    #[test]
    fn a_second_end_is_ignored() {
        let log = log(&[]);
        log.end(testing::ending(TurnStatus::Completed));
        log.end(testing::ending(TurnStatus::Failed));
        log.end(Ending::Superseded);
        assert!(matches!(log.ending(), Some(Ending::Final(end)) if end.turn.status == TurnStatus::Completed));
    }

    proptest! {
        #[test]
        fn reading_from_any_position_returns_the_rest(
            pieces in prop::collection::vec((any::<bool>(), "\\PC{0,6}"), 0..8),
        ) {
            let pieces: Vec<(PartKind, String)> = pieces
                .into_iter()
                .map(|(text, piece)| (if text { PartKind::Text } else { PartKind::Reasoning }, piece))
                .collect();
            let log = TurnLog::new(testing::turn_start(), None);
            for (kind, text) in &pieces {
                log.append(*kind, text);
            }
            let whole: String = pieces.iter().map(|(_, text)| text.as_str()).collect();
            for position in 0..=log.length() {
                let mut cursor = log.cursor_at(position).unwrap();
                let rest: String = whole.chars().skip(usize::try_from(position).unwrap()).collect();
                prop_assert_eq!(read_all(&log, &mut cursor), rest);
                prop_assert_eq!(cursor.position(), log.length());
            }
            let segments = log.read_segments(&mut LogCursor::default());
            let parts = causerie_domain::turns::parts_of(&segments);
            prop_assert_eq!(parts, log.parts());
        }
    }
}
