//! Following a turn from the store: one of another instance, or one that has ended.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use causerie_domain::TurnId;
use causerie_domain::messages::PartKind;
use causerie_domain::ports::{StoreError, TurnLedger, TurnLog};
use causerie_domain::turns::{Segment, TurnStatus};

use super::event::{Delta, TurnEnd, TurnEvent, TurnStart};
use super::log::byte_at;

/// Where turns are read that are not beside their reader.
#[derive(Debug, Clone)]
pub(crate) struct StoredTurnSource {
    pub(crate) ledger: Arc<dyn TurnLedger>,
    /// How often a turn that runs is looked at.
    pub(crate) poll: Duration,
}

/// A reader that looks into the store, at intervals while the turn runs.
///
/// A cursor can be ahead of what its turn's owner has flushed. While the turn runs, the reader waits for the
/// flush to catch up; once it has ended without that text, the client gets the replay from the start.
#[derive(Debug)]
pub(crate) struct StoredReader {
    shelf: StoredTurnSource,
    start: TurnStart,
    /// Whether the client was told of a start from which reading goes on.
    start_told: bool,
    /// Where reading goes on.
    position: u64,
    /// How many characters have been counted into parts.
    counted: u64,
    /// The kind and index of the part that the counted text ends in.
    part: Option<(PartKind, usize)>,
    ready: VecDeque<TurnEvent>,
    /// What was left out is still to be told: with the first text or the end, as it was sent last.
    pub(super) context_due: bool,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The start is still to be told.
    Opening,
    /// Text is followed.
    Following,
    /// The end was told, or stands in `ready`.
    Ended,
}

impl StoredReader {
    pub(crate) fn new(shelf: StoredTurnSource, start: TurnStart, position: u64) -> Self {
        StoredReader {
            shelf,
            start,
            start_told: false,
            position,
            counted: 0,
            part: None,
            ready: VecDeque::new(),
            context_due: false,
            stage: Stage::Opening,
        }
    }

    /// Goes on for a reader that has read up to a position elsewhere. It is told another start only where less
    /// than that is kept.
    pub(crate) fn in_place_of(shelf: StoredTurnSource, start: TurnStart, position: u64) -> Self {
        StoredReader { start_told: true, ..StoredReader::new(shelf, start, position) }
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
            // The part index counts from the start of the turn, so the first look reads from there.
            let from = if self.stage == Stage::Opening { 0 } else { self.position };
            let Some(log) = self.shelf.ledger.turn_log(self.start.turn_id, from).await? else {
                return Err(StoreError::Corrupt {
                    what: format!("turn {} vanished while it was read", self.start.turn_id),
                    source: None,
                });
            };
            self.take(log);
            if self.ready.is_empty() {
                tokio::time::sleep(self.shelf.poll).await;
            }
        }
    }

    fn take(&mut self, log: TurnLog) {
        let running = log.turn.status == TurnStatus::Running;
        if self.stage == Stage::Opening {
            let stored = log.segments.last().map_or(0, Segment::end);
            if self.position > stored {
                if running {
                    return;
                }
                self.position = 0;
                self.start_told = false;
            }
            self.open();
        }
        if self.context_due && !(running && log.segments.is_empty()) {
            self.context_due = false;
            let dropped = log.turn.context.filter(|sent| sent.messages_dropped > 0);
            self.ready.extend(dropped.map(TurnEvent::Context));
        }
        for segment in &log.segments {
            self.follow(segment);
        }
        if !running {
            self.stage = Stage::Ended;
            self.ready.push_back(TurnEvent::Ended(Box::new(TurnEnd { turn: log.turn, usage: log.usage })));
        }
    }

    fn open(&mut self) {
        self.stage = Stage::Following;
        if self.start_told {
            return;
        }
        self.ready.push_back(TurnEvent::Started(TurnStart { from: self.position, ..self.start.clone() }));
        self.context_due = self.position == 0;
    }

    /// Counts a segment into its part, and tells what it has beyond the position.
    fn follow(&mut self, segment: &Segment) {
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
            let known = self.position.saturating_sub(segment.position);
            let text = segment.text[byte_at(&segment.text, known)..].to_owned();
            self.position = end;
            self.ready.push_back(TurnEvent::Delta(Delta { part, kind, text, position: end }));
        }
    }
}
