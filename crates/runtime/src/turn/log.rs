//! Log of a running turn: append-only text in memory, with any number of readers.
//!
//! The text is stored once for all readers: a reader is a cursor in the log and has no queue, so slow readers use
//! no memory. Positions count characters (Unicode scalar values) of reasoning and text, and files, in the order of the
//! stream, so that they are also valid in the stored message of an ended turn.

use std::sync::{Mutex, MutexGuard, PoisonError};

use causerie_domain::messages::{Part, PartKind};
use causerie_domain::turns::{ContextReport, Segment, TurnStatus};
use tokio::sync::watch;

use super::event::{Delta, TurnEnd, TurnStart};

/// Maximum size of a text delta in bytes, so that a late reader does not copy a whole answer at once.
pub(crate) const MAX_DELTA_BYTES: usize = 16 * 1024;
/// Text that is kept after the end of a stored turn, in bytes. Readers that are further behind continue from the store,
/// so connections that accept no data do not hold whole answers.
const MAX_TAIL_BYTES: usize = 4 * MAX_DELTA_BYTES;

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
    /// Parts from `first_part` on. The earlier ones were released.
    parts: Vec<LogPart>,
    first_part: usize,
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
    /// Text after the released one.
    text: String,
    /// Position of the first character of `text`.
    start: u64,
    /// Number of bytes that were released.
    released: usize,
}

/// Result of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogRead {
    Delta(Delta),
    /// The cursor is at the end of the text.
    AtEnd,
    /// The text after the cursor was released: the turn is stored.
    Released,
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

    /// Appends text of the answer, or the URL of a file.
    pub(crate) fn append(&self, kind: PartKind, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut state = self.lock();
        let start = state.length;
        match state.parts.last_mut() {
            Some(last) if last.kind.continues(kind) => last.text.push_str(text),
            _ => state.parts.push(LogPart { kind, text: text.to_owned(), start, released: 0 }),
        }
        state.length += kind.length(text);
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

    /// Ends the log. A second call is ignored, so that readers receive exactly one end. The text of a turn that is
    /// stored is released, except for its last [`MAX_TAIL_BYTES`].
    pub(crate) fn end(&self, ending: Ending) {
        let mut state = self.lock();
        if state.ending.is_none() {
            match &ending {
                Ending::Final(end) if end.turn.status == TurnStatus::Running => {}
                Ending::Final(_) => state.release(MAX_TAIL_BYTES),
                Ending::Superseded => state.release(0),
            }
            state.ending = Some(ending);
        }
        drop(state);
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

    /// Returns the text of the answer, by part. The log must not have ended.
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
        let Some(index) = state.parts.iter().rposition(|part| part.start <= position) else {
            // Released, or no text was appended.
            return Some(LogCursor { position, ..LogCursor::default() });
        };
        let found = &state.parts[index];
        let byte = found.released + found.kind.byte_offset(&found.text, position - found.start);
        Some(LogCursor { part: state.first_part + index, byte, position })
    }

    /// Reads the next piece of one part, text of at most [`MAX_DELTA_BYTES`] or a file, and moves the cursor behind it.
    pub(crate) fn read(&self, cursor: &mut LogCursor) -> LogRead {
        let state = self.lock();
        if cursor.position == state.length {
            return LogRead::AtEnd;
        }
        loop {
            let Some(index) = cursor.part.checked_sub(state.first_part) else { return LogRead::Released };
            let Some(part) = state.parts.get(index) else { return LogRead::Released };
            let Some(byte) = cursor.byte.checked_sub(part.released) else { return LogRead::Released };
            let rest = part.text.get(byte..).unwrap_or_default();
            if rest.is_empty() {
                *cursor = LogCursor { part: cursor.part + 1, byte: 0, position: cursor.position };
                continue;
            }
            let text = if part.kind == PartKind::File { rest } else { prefix(rest, MAX_DELTA_BYTES) };
            cursor.byte += text.len();
            cursor.position += part.kind.length(text);
            let position = cursor.position;
            return LogRead::Delta(Delta {
                part: cursor.part,
                kind: part.kind,
                text: text.to_owned(),
                position,
            });
        }
    }

    /// Returns text after the cursor as segments for the store, and moves the cursor behind them. The segment that
    /// exceeds the limit of bytes is the last one if it is the first, and is left for the next read otherwise.
    pub(crate) fn read_segments(&self, cursor: &mut LogCursor, max_bytes: usize) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut left = max_bytes;
        loop {
            let mut next = *cursor;
            let LogRead::Delta(delta) = self.read(&mut next) else { return segments };
            let position = cursor.position;
            match left.checked_sub(delta.text.len()) {
                Some(rest) => left = rest,
                None if segments.is_empty() => left = 0,
                None => return segments,
            }
            *cursor = next;
            segments.push(Segment { position, kind: delta.kind, text: delta.text });
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

impl LogState {
    /// Releases all text but the last `kept` bytes. A file is kept as a whole or not at all.
    fn release(&mut self, kept: usize) {
        let mut left = kept;
        let mut first = self.parts.len();
        while let Some(index) = first.checked_sub(1)
            && left > 0
        {
            let part = &mut self.parts[index];
            if part.kind == PartKind::File && part.text.len() > left {
                break;
            }
            let cut = part.text.ceil_char_boundary(part.text.len().saturating_sub(left));
            left = left.saturating_sub(part.text.len() + size_of::<LogPart>());
            if cut > 0 {
                part.start += part.kind.length(&part.text[..cut]);
                part.released += cut;
                part.text = part.text[cut..].to_owned();
                left = 0;
            }
            first = index;
        }
        self.first_part += first;
        self.parts = self.parts.split_off(first);
    }
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

    fn next(log: &TurnLog, cursor: &mut LogCursor) -> Option<Delta> {
        match log.read(cursor) {
            LogRead::Delta(delta) => Some(delta),
            LogRead::AtEnd => None,
            LogRead::Released => panic!("released"),
        }
    }

    fn read_all(log: &TurnLog, cursor: &mut LogCursor) -> String {
        std::iter::from_fn(|| next(log, cursor)).map(|delta| delta.text).collect()
    }

    /// Returns the text that a log holds, in bytes of its capacity.
    fn held(log: &TurnLog) -> usize {
        log.lock().parts.iter().map(|part| part.text.capacity() + size_of::<LogPart>()).sum()
    }

    #[test]
    fn a_stored_turn_keeps_the_end_of_its_text_only() {
        let tail = MAX_TAIL_BYTES;
        let long = "é".repeat(2_000_000);
        let alternating: Vec<(PartKind, String)> = (0..50_000)
            .map(|number| {
                (if number % 2 == 0 { PartKind::Text } else { PartKind::Reasoning }, "x".to_owned())
            })
            .collect();
        for parts in [vec![(PartKind::Reasoning, "hm".to_owned()), (PartKind::Text, long)], alternating] {
            let log = log(&[]);
            parts.iter().for_each(|(kind, text)| log.append(*kind, text));
            let whole: String = parts.iter().map(|(_, text)| text.as_str()).collect();
            let length = log.length();
            let mut caught_up = log.cursor_at(length - 9).unwrap();
            let mut behind = log.cursor_at(7).unwrap();
            log.end(testing::ending(TurnStatus::Completed));
            assert!(held(&log) <= tail + 2 * size_of::<LogPart>(), "{}", held(&log));
            assert_eq!(log.length(), length);
            assert_eq!(log.read(&mut behind), LogRead::Released);
            assert_eq!(log.read(&mut log.cursor_at(0).unwrap()), LogRead::Released);
            assert_eq!(log.read(&mut log.cursor_at(length).unwrap()), LogRead::AtEnd);
            let rest: String = whole.chars().skip(usize::try_from(length).unwrap() - 9).collect();
            let mut late = log.cursor_at(length - 9).unwrap();
            assert_eq!(read_all(&log, &mut late), rest);
            assert_eq!(read_all(&log, &mut caught_up), rest);
        }
        let unstored = log(&[(PartKind::Text, "yes")]);
        unstored.end(testing::ending(TurnStatus::Running));
        assert_eq!(read_all(&unstored, &mut LogCursor::default()), "yes");
        let superseded = log(&[(PartKind::Text, "yes")]);
        superseded.end(Ending::Superseded);
        assert_eq!(superseded.read(&mut LogCursor::default()), LogRead::Released);
    }

    #[test]
    fn a_reader_receives_parts_in_order_with_positions_in_characters() {
        let log = log(&[(PartKind::Reasoning, "hmm"), (PartKind::Text, "né"), (PartKind::Text, "🦀!")]);
        let mut cursor = LogCursor::default();
        let first = next(&log, &mut cursor).unwrap();
        assert_eq!(
            (first.part, first.kind, first.text.as_str(), first.position),
            (0, PartKind::Reasoning, "hmm", 3)
        );
        let second = next(&log, &mut cursor).unwrap();
        assert_eq!(
            (second.part, second.kind, second.text.as_str(), second.position),
            (1, PartKind::Text, "né🦀!", 7)
        );
        assert_eq!(next(&log, &mut cursor), None);
        log.append(PartKind::Text, "?");
        assert_eq!(next(&log, &mut cursor).unwrap().position, 8);
    }

    #[test]
    fn a_position_between_two_parts_belongs_to_the_second() {
        let log = log(&[(PartKind::Reasoning, "hmm"), (PartKind::Text, "yes")]);
        let mut cursor = log.cursor_at(3).unwrap();
        assert_eq!(next(&log, &mut cursor).unwrap().part, 1);
        assert_eq!(log.cursor_at(7), None);
    }

    #[test]
    fn a_long_text_is_read_in_pieces() {
        let text = "é".repeat(20_000);
        let log = log(&[(PartKind::Text, &text)]);
        let mut cursor = LogCursor::default();
        assert!(next(&log, &mut cursor).unwrap().text.len() <= MAX_DELTA_BYTES);
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
            pieces in prop::collection::vec((prop::sample::select(PartKind::ALL), "\\PC{0,6}"), 0..8),
            max_bytes in 0..40_usize,
        ) {
            let log = TurnLog::new(testing::turn_start(), None);
            for (kind, text) in &pieces {
                log.append(*kind, text);
            }
            let rest_from = |position: u64| -> String {
                let segments = log.read_segments(&mut LogCursor::default(), usize::MAX);
                let rest = segments.iter().filter(|segment| segment.end() > position).map(|segment| {
                    let read = segment.kind.byte_offset(&segment.text, position.saturating_sub(segment.position));
                    &segment.text[read..]
                });
                rest.collect()
            };
            prop_assert_eq!(rest_from(0), pieces.iter().map(|(_, text)| text.as_str()).collect::<String>());
            for position in 0..=log.length() {
                let mut cursor = log.cursor_at(position).unwrap();
                prop_assert_eq!(read_all(&log, &mut cursor), rest_from(position));
                prop_assert_eq!(cursor.position(), log.length());
            }
            let segments = log.read_segments(&mut LogCursor::default(), usize::MAX);
            let mut cursor = LogCursor::default();
            let mut in_pieces = Vec::new();
            while cursor.position() < log.length() {
                let piece = log.read_segments(&mut cursor, max_bytes);
                let bytes = piece.iter().map(|segment| segment.text.len()).sum::<usize>();
                prop_assert!(piece.len() == 1 || bytes <= max_bytes);
                in_pieces.extend(piece);
            }
            prop_assert_eq!(&in_pieces, &segments);
            let parts = causerie_domain::turns::parts_of(&segments);
            prop_assert_eq!(parts, log.parts());
        }
    }
}
