//! Reads turns from the store: turns of other instances, and ended ones.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use causerie_domain::TurnId;
use causerie_domain::messages::PartKind;
use causerie_domain::ports::{StoreError, StoredTurnLog, TurnStore};
use causerie_domain::turns::{Segment, TurnStatus};

use super::event::{Delta, TurnEnd, TurnEvent, TurnStart};
use super::log::byte_offset;

/// Source of turns that do not run in this process.
#[derive(Debug, Clone)]
pub(crate) struct StoredTurnSource {
    pub(crate) turn_store: Arc<dyn TurnStore>,
    /// Interval between two reads of a running turn.
    pub(crate) poll_interval: Duration,
}

/// Reader of a stored turn, which polls the store while the turn runs.
///
/// The position of a cursor can be after the flushed text. While the turn runs, the reader waits for the flush; if
/// the turn ends without this text, the client receives the turn from the start.
#[derive(Debug)]
pub(crate) struct StoredReader {
    source: StoredTurnSource,
    start: TurnStart,
    /// Whether the client has received a start whose events are still valid.
    start_sent: bool,
    /// Position of the next character to return.
    position: u64,
    /// Number of characters that were assigned to parts.
    counted: u64,
    /// Kind and index of the part that contains the last counted character.
    part: Option<(PartKind, usize)>,
    ready: VecDeque<TurnEvent>,
    /// Whether the report on the context is still to be returned: with the first text or the end, when it is final.
    pub(super) is_context_due: bool,
    stage: Stage,
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
            counted: 0,
            part: None,
            ready: VecDeque::new(),
            is_context_due: false,
            stage: Stage::Opening,
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

    pub(crate) async fn next(&mut self) -> Result<Option<TurnEvent>, StoreError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.stage == Stage::Ended {
                return Ok(None);
            }
            // The part index counts from the start of the turn, so the first read starts there.
            let from = if self.stage == Stage::Opening { 0 } else { self.position };
            let Some(log) = self.source.turn_store.turn_log(self.start.turn_id, from).await? else {
                return Err(StoreError::Corrupt {
                    what: format!("turn {} was deleted during a read", self.start.turn_id),
                    source: None,
                });
            };
            self.process(log);
            if self.ready.is_empty() {
                tokio::time::sleep(self.source.poll_interval).await;
            }
        }
    }

    fn process(&mut self, log: StoredTurnLog) {
        let mut log = log;
        let running = log.turn.status == TurnStatus::Running;
        if !running
            && self.stage == Stage::Opening
            && let Some(failure) = &mut log.turn.failure
        {
            // The wait was counted from the end, which this client reads later.
            failure.retry_after = None;
        }
        if self.stage == Stage::Opening {
            let stored = log.segments.last().map_or(0, Segment::end);
            if self.position > stored {
                if running {
                    return;
                }
                self.position = 0;
                self.start_sent = false;
            }
            self.open();
        }
        if self.is_context_due && !(running && log.segments.is_empty()) {
            self.is_context_due = false;
            let dropped = log.turn.context.filter(|sent| sent.messages_dropped > 0);
            self.ready.extend(dropped.map(TurnEvent::Context));
        }
        for segment in &log.segments {
            self.read_segment(segment);
        }
        if !running {
            self.stage = Stage::Ended;
            self.ready.push_back(TurnEvent::Ended(Box::new(TurnEnd { turn: log.turn, usage: log.usage })));
        }
    }

    fn open(&mut self) {
        self.stage = Stage::Reading;
        if self.start_sent {
            return;
        }
        self.ready.push_back(TurnEvent::Started(TurnStart { from: self.position, ..self.start.clone() }));
        self.is_context_due = self.position == 0;
    }

    /// Assigns a segment to its part, and returns its text after the position as a delta.
    fn read_segment(&mut self, segment: &Segment) {
        let end = segment.end();
        if end > self.counted {
            self.counted = end;
            self.part = Some(match self.part {
                Some((kind, index)) if kind == segment.kind => (kind, index),
                Some((_, index)) => (segment.kind, index + 1),
                None => (segment.kind, 0),
            });
        }
        if let Some((kind, part)) = self.part.filter(|_| end > self.position) {
            let read_before = self.position.saturating_sub(segment.position);
            let text = segment.text[byte_offset(&segment.text, read_before)..].to_owned();
            self.position = end;
            self.ready.push_back(TurnEvent::Delta(Delta { part, kind, text, position: end }));
        }
    }
}
