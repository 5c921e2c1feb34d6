//! The log of a running turn: append-only text in memory that any number of readers follow.
//!
//! The text is held once, however many readers there are and however slow they read: a reader is a place in the
//! log, never a queue. Positions count characters (Unicode scalar values) of reasoning and text in the order
//! they were streamed, so that the stored message can answer for a turn that has ended.

use std::sync::{Mutex, MutexGuard, PoisonError};

use causerie_domain::messages::{Part, PartKind};
use causerie_domain::turns::{ContextReport, Segment};
use tokio::sync::watch;

use super::event::{Delta, TurnEnd, TurnStart};

/// A piece handed to a reader at once is at most this many bytes, so that a late reader does not copy a whole
/// answer in one go.
const MAX_DELTA_BYTES: usize = 16 * 1024;

/// The log of one turn in this process.
#[derive(Debug)]
pub(crate) struct TurnLog {
    /// What every reader is told first; `from` is filled in per reader.
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

/// How a log ends.
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    /// The turn is stored as the log has it, or the store took no end of it.
    Here(Box<TurnEnd>),
    /// Somebody else closed the turn, perhaps with less text: what is true stands in the store alone.
    InStore,
}

#[derive(Debug)]
struct LogPart {
    kind: PartKind,
    text: String,
    /// The position of the part's first character.
    begins_at: u64,
}

/// A reader's place in a log. It begins at the start and only ever goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LogPlace {
    part: usize,
    byte: usize,
    position: u64,
}

impl LogPlace {
    /// The characters before this place.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }
}

impl TurnLog {
    /// An empty log of a turn whose request was built as the report says.
    pub(crate) fn new(start: TurnStart, context: Option<ContextReport>) -> Self {
        let state = LogState { context, ..LogState::default() };
        TurnLog { start, state: Mutex::new(state), version: watch::Sender::new(0) }
    }

    /// Appends a piece of the answer.
    pub(crate) fn append(&self, kind: PartKind, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut state = self.lock();
        let begins_at = state.length;
        match state.parts.last_mut() {
            Some(last) if last.kind == kind => last.text.push_str(text),
            _ => state.parts.push(LogPart { kind, text: text.to_owned(), begins_at }),
        }
        state.length += characters(text);
        drop(state);
        self.announce();
    }

    /// Notes that the request was built anew.
    pub(crate) fn set_context(&self, report: ContextReport) {
        self.lock().context = Some(report);
    }

    /// What was sent to the model, once it is known.
    pub(crate) fn context(&self) -> Option<ContextReport> {
        self.lock().context
    }

    /// Ends the log, once: a second end is ignored, so that readers see exactly one.
    pub(crate) fn end(&self, ending: Ending) {
        self.lock().ending.get_or_insert(ending);
        self.announce();
    }

    /// The end, if the log has one.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.lock().ending.clone()
    }

    /// The characters streamed so far.
    pub(crate) fn length(&self) -> u64 {
        self.lock().length
    }

    /// The whole answer so far.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let state = self.lock();
        state.parts.iter().map(|part| Part { kind: part.kind, text: part.text.clone() }).collect()
    }

    /// The place after `position` characters, or `None` beyond the end of what was streamed.
    pub(crate) fn place_at(&self, position: u64) -> Option<LogPlace> {
        let state = self.lock();
        if position > state.length {
            return None;
        }
        let part = state.parts.iter().rposition(|part| part.begins_at <= position).unwrap_or(0);
        let byte = match state.parts.get(part) {
            Some(found) => byte_at(&found.text, position - found.begins_at),
            None => 0,
        };
        Some(LogPlace { part, byte, position })
    }

    /// The next piece after a place, at most 16 KiB of one part, and moves the place behind it.
    pub(crate) fn read(&self, place: &mut LogPlace) -> Option<Delta> {
        let state = self.lock();
        loop {
            let part = state.parts.get(place.part)?;
            let rest = part.text.get(place.byte..).unwrap_or_default();
            if rest.is_empty() {
                if place.part + 1 >= state.parts.len() {
                    return None;
                }
                *place = LogPlace { part: place.part + 1, byte: 0, position: place.position };
                continue;
            }
            let text = head(rest, MAX_DELTA_BYTES);
            place.byte += text.len();
            place.position += characters(text);
            let position = place.position;
            return Some(Delta { part: place.part, kind: part.kind, text: text.to_owned(), position });
        }
    }

    /// Everything after a place as segments for the store, and moves the place to the end.
    pub(crate) fn take_segments(&self, place: &mut LogPlace) -> Vec<Segment> {
        let mut segments = Vec::new();
        loop {
            let position = place.position;
            match self.read(place) {
                Some(delta) => segments.push(Segment { position, kind: delta.kind, text: delta.text }),
                None => return segments,
            }
        }
    }

    /// Wakes on every change from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn announce(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        // Every change under this lock is complete in itself, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn characters(text: &str) -> u64 {
    text.chars().count() as u64
}

/// The byte offset after `count` characters, or the end of a shorter text.
pub(crate) fn byte_at(text: &str, count: u64) -> usize {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    text.char_indices().nth(count).map_or(text.len(), |(byte, _)| byte)
}

/// The longest beginning of a text with at most `limit` bytes that ends between two characters.
pub(crate) fn head(text: &str, limit: usize) -> &str {
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

    fn read_all(log: &TurnLog, place: &mut LogPlace) -> String {
        std::iter::from_fn(|| log.read(place)).map(|delta| delta.text).collect()
    }

    #[test]
    fn a_reader_sees_parts_in_order_with_positions_in_characters() {
        let log = log(&[(PartKind::Reasoning, "hmm"), (PartKind::Text, "né"), (PartKind::Text, "🦀!")]);
        let mut place = LogPlace::default();
        let first = log.read(&mut place).unwrap();
        assert_eq!(
            (first.part, first.kind, first.text.as_str(), first.position),
            (0, PartKind::Reasoning, "hmm", 3)
        );
        let second = log.read(&mut place).unwrap();
        assert_eq!(
            (second.part, second.kind, second.text.as_str(), second.position),
            (1, PartKind::Text, "né🦀!", 7)
        );
        assert_eq!(log.read(&mut place), None);
        log.append(PartKind::Text, "?");
        assert_eq!(log.read(&mut place).unwrap().position, 8);
    }

    #[test]
    fn a_boundary_belongs_to_the_part_that_begins_there() {
        let log = log(&[(PartKind::Reasoning, "hmm"), (PartKind::Text, "yes")]);
        let mut place = log.place_at(3).unwrap();
        assert_eq!(log.read(&mut place).unwrap().part, 1);
        assert_eq!(log.place_at(7), None);
    }

    #[test]
    fn a_long_text_is_read_in_pieces() {
        let text = "é".repeat(20_000);
        let log = log(&[(PartKind::Text, &text)]);
        let mut place = LogPlace::default();
        assert!(log.read(&mut place).unwrap().text.len() <= MAX_DELTA_BYTES);
        assert_eq!(read_all(&log, &mut LogPlace::default()), text);
    }

    #[test]
    fn only_the_first_end_counts() {
        let log = log(&[]);
        log.end(testing::ending(TurnStatus::Completed));
        log.end(testing::ending(TurnStatus::Failed));
        log.end(Ending::InStore);
        assert!(matches!(log.ending(), Some(Ending::Here(end)) if end.turn.status == TurnStatus::Completed));
    }

    proptest! {
        #[test]
        fn from_every_position_the_rest_follows(
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
                let mut place = log.place_at(position).unwrap();
                let rest: String = whole.chars().skip(usize::try_from(position).unwrap()).collect();
                prop_assert_eq!(read_all(&log, &mut place), rest);
                prop_assert_eq!(place.position(), log.length());
            }
            let segments = log.take_segments(&mut LogPlace::default());
            let parts = causerie_domain::turns::parts_of(&segments);
            prop_assert_eq!(parts, log.parts());
        }
    }
}
