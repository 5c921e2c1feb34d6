//! Reads turns from the store, page by page: turns of other instances, and ended ones.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use causerie_domain::messages::PartKind;
use causerie_domain::ports::{StoreError, StoredTurnLog, TurnLogQuery, TurnStore};
use causerie_domain::turns::{Segment, TurnStatus};
use causerie_domain::{SessionId, TurnId};
use causerie_fair_share::{current_requester, on_behalf_of};
use tokio::runtime::Handle;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::event::{Delta, TurnEnd, TurnEvent, TurnStart};
use super::log::{MAX_DELTA_BYTES, prefix};

/// Source of turns that do not run in this process.
#[derive(Debug, Clone)]
pub(crate) struct StoredTurnSource {
    pub(crate) turn_store: Arc<dyn TurnStore>,
    /// Interval between two reads of a running turn.
    pub(crate) poll_interval: Duration,
    /// Tokio runtime and tasks of the reads: a reader can be polled on a runtime that ends with its connections.
    pub(crate) handle: Handle,
    pub(crate) tasks: TaskTracker,
}

impl StoredTurnSource {
    /// Reads a page of a turn. Dropping the future ends the read.
    async fn page(&self, query: TurnLogQuery) -> Result<Option<StoredTurnLog>, StoreError> {
        let turn_store = Arc::clone(&self.turn_store);
        let read = on_behalf_of(current_requester(), async move { turn_store.turn_log(query).await });
        let page = AbortOnDropHandle::new(self.tasks.spawn_on(read, &self.handle)).await;
        page.unwrap_or_else(|error| Err(StoreError::rolled_back(error)))
    }
}

/// Reader of a stored turn, which polls the store while the turn runs. It holds at most one page of the text and reads
/// the next one when all events of the last were taken.
///
/// The position of a cursor can be after the flushed text. While the turn runs, the reader waits for the flush; if
/// the turn ends without this text, the client receives the turn from the start.
#[derive(Debug)]
pub(crate) struct StoredReader {
    source: StoredTurnSource,
    start: TurnStart,
    /// Whether the client has received a start whose events are still valid.
    start_sent: bool,
    /// Position of the next character to read.
    position: u64,
    /// Kind and index of the part that contains the last character that was read.
    part: Option<(PartKind, usize)>,
    ready: VecDeque<TurnEvent>,
    /// Whether the report on the context is still to be returned: with the first text or the end, when it is final.
    pub(super) is_context_due: bool,
    stage: Stage,
    /// Whether the turn had ended before the first page was read.
    is_replay: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The start was not returned.
    Opening,
    Reading,
    /// The end was returned or is in `ready`.
    Ended,
}

impl StoredReader {
    pub(crate) fn new(source: StoredTurnSource, start: TurnStart, position: u64) -> Self {
        StoredReader {
            source,
            start,
            start_sent: false,
            position,
            part: None,
            ready: VecDeque::new(),
            is_context_due: false,
            stage: Stage::Opening,
            is_replay: false,
        }
    }

    /// Creates a reader for a client that has read up to a position. The client receives a second start only if less
    /// text is stored.
    pub(crate) fn continuing(source: StoredTurnSource, start: TurnStart, position: u64) -> Self {
        StoredReader { start_sent: true, ..StoredReader::new(source, start, position) }
    }

    pub(crate) fn turn_id(&self) -> TurnId {
        self.start.turn_id
    }

    pub(crate) fn session_id(&self) -> SessionId {
        self.start.session_id
    }

    pub(crate) async fn next(&mut self) -> Result<Option<TurnEvent>, StoreError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.stage == Stage::Ended {
                return Ok(None);
            }
            let Some(log) = self.source.page(self.next_page()).await? else {
                return Err(StoreError::ReferenceDeleted(format!("turn {}", self.start.turn_id)));
            };
            let running = self.process(log);
            if running && self.ready.is_empty() {
                tokio::time::sleep(self.source.poll_interval).await;
            }
        }
    }

    fn next_page(&self) -> TurnLogQuery {
        let turn_id = self.start.turn_id;
        TurnLogQuery { turn_id, position: self.position, with_part: self.part.is_none() }
    }

    /// Appends the events of a page. Returns whether the turn is running.
    fn process(&mut self, log: StoredTurnLog) -> bool {
        let mut log = log;
        let running = log.turn.status == TurnStatus::Running;
        if self.stage == Stage::Opening {
            self.is_replay = !running;
            if self.position > log.end {
                if !running {
                    // Read again, from the start.
                    self.position = 0;
                    self.start_sent = false;
                }
                return running;
            }
            self.open();
        }
        if self.is_context_due && !(running && log.segments.is_empty()) {
            self.is_context_due = false;
            let dropped = log.turn.context.filter(|sent| sent.messages_dropped > 0);
            self.ready.extend(dropped.map(TurnEvent::Context));
        }
        let mut first_part = log.first_part;
        for segment in log.segments {
            let part = match (first_part.take(), self.part) {
                (Some(part), _) => part,
                (None, Some((kind, part))) => part + usize::from(!kind.continues(segment.kind)),
                (None, None) => 0,
            };
            self.part = Some((segment.kind, part));
            self.read_segment(part, &segment);
        }
        if !running && !log.has_more {
            self.stage = Stage::Ended;
            if self.is_replay
                && let Some(failure) = &mut log.turn.failure
            {
                // The wait was counted from the end, which this client reads later.
                failure.retry_after = None;
            }
            self.ready.push_back(TurnEvent::Ended(Box::new(TurnEnd { turn: log.turn, usage: log.usage })));
        }
        running
    }

    fn open(&mut self) {
        self.stage = Stage::Reading;
        if self.start_sent {
            return;
        }
        self.ready.push_back(TurnEvent::Started(TurnStart { from: self.position, ..self.start.clone() }));
        self.is_context_due = self.position == 0;
    }

    /// Appends the text of a segment as deltas of at most [`MAX_DELTA_BYTES`], or a file as one delta.
    fn read_segment(&mut self, part: usize, segment: &Segment) {
        let mut rest = segment.text.as_str();
        while !rest.is_empty() {
            let piece = if segment.kind == PartKind::File { rest } else { prefix(rest, MAX_DELTA_BYTES) };
            let (text, after) = rest.split_at(piece.len());
            self.position += segment.kind.length(text);
            let (text, position) = (text.to_owned(), self.position);
            self.ready.push_back(TurnEvent::Delta(Delta { part, kind: segment.kind, text, position }));
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use causerie_domain::messages::Part;
    use causerie_domain::ports::TURN_LOG_PAGE_BYTES;

    use super::*;
    use crate::turn::testing;

    fn reader(position: u64) -> StoredReader {
        StoredReader::new(testing::stored_turn_source(), testing::turn_start(), position)
    }

    fn part(kind: PartKind, text: &str) -> Part {
        Part { kind, text: text.to_owned() }
    }

    #[tokio::test]
    async fn a_reader_of_an_ended_turn_holds_one_page() {
        let answer = [part(PartKind::Reasoning, "hm"), part(PartKind::Text, &"é\n".repeat(2_000_000))];
        for position in [0, 1, 7, 3_999_000] {
            let mut reader = reader(position);
            let (mut pages, mut text) = (0, String::new());
            while reader.stage != Stage::Ended {
                let turn = testing::turn(TurnStatus::Completed);
                reader.process(StoredTurnLog::of_answer(turn, answer.to_vec(), &reader.next_page()));
                pages += 1;
                let mut held = 0;
                for event in reader.ready.drain(..) {
                    let TurnEvent::Delta(delta) = event else { continue };
                    assert!(delta.text.len() <= MAX_DELTA_BYTES);
                    assert_eq!(delta.part, usize::from(delta.kind == PartKind::Text));
                    held += delta.text.capacity();
                    text.push_str(&delta.text);
                    assert_eq!(delta.position, position + text.chars().count() as u64);
                }
                assert!(held <= TURN_LOG_PAGE_BYTES, "{held}");
            }
            let whole: String = answer.iter().map(|part| part.text.as_str()).collect();
            assert!(whole.chars().skip(usize::try_from(position).unwrap()).eq(text.chars()), "{position}");
            assert!(pages <= 1 + text.len() / (TURN_LOG_PAGE_BYTES - 4), "{pages}");
        }
    }
}
