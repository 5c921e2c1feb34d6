//! Reader of a turn: from its log in this process, or from the store.

use std::sync::Arc;

use causerie_domain::ports::StoreError;
use causerie_domain::{SessionId, TurnId};
use tokio::sync::watch;

use super::event::{TurnEnd, TurnEvent, TurnStart};
use super::log::{Ending, LogCursor, LogRead, TurnLog};
use super::stored_reader::{StoredReader, StoredTurnSource};

/// Reader of the events of a turn: [`TurnEvent::Started`] is the first, exactly one [`TurnEvent::Ended`] the last.
///
/// A second [`TurnEvent::Started`] with `from` 0 replaces all events before it: another instance has closed the
/// turn with less text. The events after the last start match the stored turn.
///
/// Dropping a reader does not affect the turn.
#[derive(Debug)]
pub struct TurnReader(Source);

#[derive(Debug)]
enum Source {
    Live(Box<LiveReader>),
    Stored(Box<StoredReader>),
}

/// Reader in the process that runs the turn.
#[derive(Debug)]
struct LiveReader {
    log: Arc<TurnLog>,
    changed: watch::Receiver<u64>,
    cursor: LogCursor,
    /// First event; `None` after it was returned.
    start: Option<TurnStart>,
    /// Whether the report on the context is still to be returned. It is final with the first text or the end: before,
    /// the request may be rebuilt.
    is_context_due: bool,
    has_ended: bool,
    /// Source from which reading continues if the log has no more text.
    source: StoredTurnSource,
}

/// Result of reading a log.
#[derive(Debug)]
enum LogItem {
    Event(TurnEvent),
    /// The log has no more text, but the store: another instance closed the turn, or the reader is far behind the end
    /// of a stored turn.
    InStore,
    /// The end was returned before.
    Exhausted,
}

impl TurnReader {
    /// Creates a reader of a log of this process, from a position, or from the start if the log is shorter.
    pub(crate) fn live(log: Arc<TurnLog>, position: u64, source: StoredTurnSource) -> Self {
        let cursor = log.cursor_at(position).unwrap_or_default();
        let start = Some(TurnStart { from: cursor.position(), ..log.start.clone() });
        let is_context_due = cursor.position() == 0;
        let changed = log.watch();
        let live = LiveReader { log, changed, cursor, start, is_context_due, has_ended: false, source };
        TurnReader(Source::Live(Box::new(live)))
    }

    /// Creates a reader of the stored log of a turn, from a position, or from the start if an ended turn is shorter.
    pub(crate) fn stored(source: StoredTurnSource, start: TurnStart, position: u64) -> Self {
        TurnReader(Source::Stored(Box::new(StoredReader::new(source, start, position))))
    }

    pub fn turn_id(&self) -> TurnId {
        match &self.0 {
            Source::Live(live) => live.log.start.turn_id,
            Source::Stored(stored) => stored.turn_id(),
        }
    }

    pub fn session_id(&self) -> SessionId {
        match &self.0 {
            Source::Live(live) => live.log.start.session_id,
            Source::Stored(stored) => stored.session_id(),
        }
    }

    /// Returns the next event, or `None` after [`TurnEvent::Ended`]. Cancel-safe: dropping the future loses no event.
    ///
    /// # Errors
    /// [`StoreError`] if the turn is read from the store and that fails. The call can be repeated; the turn is not
    /// affected.
    pub async fn next(&mut self) -> Result<Option<TurnEvent>, StoreError> {
        loop {
            match &mut self.0 {
                Source::Live(live) => match live.next().await {
                    LogItem::Event(event) => return Ok(Some(event)),
                    LogItem::Exhausted => return Ok(None),
                    LogItem::InStore => self.0 = Source::Stored(Box::new(live.successor())),
                },
                Source::Stored(stored) => return stored.next().await,
            }
        }
    }

    /// Reads all events and returns the end of the turn.
    ///
    /// # Errors
    /// As [`TurnReader::next`].
    pub async fn end(mut self) -> Result<Option<TurnEnd>, StoreError> {
        while let Some(event) = self.next().await? {
            if let TurnEvent::Ended(end) = event {
                return Ok(Some(*end));
            }
        }
        Ok(None)
    }
}

impl LiveReader {
    async fn next(&mut self) -> LogItem {
        if let Some(start) = self.start.take() {
            return LogItem::Event(TurnEvent::Started(start));
        }
        if self.has_ended {
            return LogItem::Exhausted;
        }
        loop {
            // The end is read before the text, so that the read below returns all text that was appended before it.
            let ending = self.log.ending();
            if let Some(Ending::Superseded) = ending {
                return LogItem::InStore;
            }
            if self.is_context_due && (ending.is_some() || self.log.length() > 0) {
                self.is_context_due = false;
                if let Some(report) = self.log.context().filter(|sent| sent.messages_dropped > 0) {
                    return LogItem::Event(TurnEvent::Context(report));
                }
            }
            match self.log.read(&mut self.cursor) {
                LogRead::Delta(delta) => return LogItem::Event(TurnEvent::Delta(delta)),
                LogRead::Released => return LogItem::InStore,
                LogRead::AtEnd => {}
            }
            if let Some(Ending::Final(end)) = ending {
                self.has_ended = true;
                return LogItem::Event(TurnEvent::Ended(end));
            }
            // The channel cannot close: its sender is in the log, which this reader keeps alive.
            let _ = self.changed.changed().await;
        }
    }

    /// Returns a reader of the store that continues after the events that this one has returned.
    fn successor(&self) -> StoredReader {
        let (source, start) = (self.source.clone(), self.log.start.clone());
        let mut successor = StoredReader::continuing(source, start, self.cursor.position());
        successor.is_context_due = self.is_context_due;
        successor
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use causerie_domain::messages::PartKind;
    use causerie_domain::turns::TurnStatus;

    use super::*;
    use crate::turn::testing;

    /// Creates a reader of a log that no other instance closes.
    fn live_reader(log: Arc<TurnLog>, position: u64) -> TurnReader {
        TurnReader::live(log, position, testing::stored_turn_source())
    }

    fn log() -> Arc<TurnLog> {
        Arc::new(TurnLog::new(testing::turn_start(), Some(testing::context(4))))
    }

    /// Reads all events, one line each.
    async fn read_all(mut reader: TurnReader) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(event) = reader.next().await.unwrap() {
            lines.push(testing::line_of(&event));
        }
        lines
    }

    #[tokio::test]
    async fn a_reader_from_the_start_receives_each_event_once() {
        let log = log();
        log.append(PartKind::Reasoning, "hm");
        log.append(PartKind::Text, "yes");
        log.end(testing::ending(TurnStatus::Completed));
        let expected =
            ["start from 0", "context 4 dropped", "0 reasoning \"hm\" @2", "1 text \"yes\" @5", "completed"];
        assert_eq!(read_all(live_reader(log, 0)).await, expected);
    }

    #[tokio::test]
    async fn the_context_event_comes_once_and_reports_the_last_request() {
        let log = Arc::new(TurnLog::new(testing::turn_start(), Some(testing::context(0))));
        let mut reader = live_reader(Arc::clone(&log), 0);
        assert!(matches!(reader.next().await.unwrap(), Some(TurnEvent::Started(_))));
        let waiting = tokio::time::timeout(Duration::ZERO, reader.next()).await;
        assert!(waiting.is_err(), "the request may be rebuilt");
        log.set_context(testing::context(4));
        log.append(PartKind::Text, "yes");
        log.end(testing::ending(TurnStatus::Completed));
        assert_eq!(read_all(reader).await, ["context 4 dropped", "0 text \"yes\" @3", "completed"]);

        let log = Arc::new(TurnLog::new(testing::turn_start(), Some(testing::context(4))));
        log.end(testing::ending(TurnStatus::Failed));
        assert_eq!(read_all(live_reader(log, 0)).await, ["start from 0", "context 4 dropped", "failed"]);
    }

    #[tokio::test]
    async fn a_reader_from_a_position_receives_the_rest_and_one_after_the_end_receives_all() {
        let log = log();
        log.append(PartKind::Text, "yes");
        log.end(testing::ending(TurnStatus::Completed));
        let rest = ["start from 1", "0 text \"es\" @3", "completed"];
        assert_eq!(read_all(live_reader(Arc::clone(&log), 1)).await, rest);
        let all = ["start from 0", "context 4 dropped", "0 text \"yes\" @3", "completed"];
        assert_eq!(read_all(live_reader(log, 9)).await, all);
    }

    #[tokio::test]
    async fn a_reader_that_is_far_behind_a_stored_turn_continues_from_the_store() {
        let log = log();
        let mut reader = live_reader(Arc::clone(&log), 0);
        log.append(PartKind::Text, &"x".repeat(1_000_000));
        for _ in 0..4 {
            assert!(matches!(&reader.0, Source::Live(_)));
            reader.next().await.unwrap();
        }
        log.end(testing::ending(TurnStatus::Completed));
        // The store of this test does not contain the turn.
        assert!(matches!(reader.next().await, Err(StoreError::ReferenceDeleted(_))));
        assert!(matches!(&reader.0, Source::Stored(_)));
    }

    #[tokio::test]
    async fn a_waiting_reader_wakes_up_for_text_and_for_the_end() {
        let log = log();
        let reader = tokio_util::task::TaskTracker::new().spawn(read_all(live_reader(Arc::clone(&log), 0)));
        tokio::task::yield_now().await;
        log.append(PartKind::Text, "a");
        tokio::task::yield_now().await;
        log.append(PartKind::Text, "b");
        log.end(testing::ending(TurnStatus::Cancelled));
        let lines = reader.await.unwrap();
        assert_eq!(lines.first().unwrap(), "start from 0");
        assert_eq!(lines.last().unwrap(), "cancelled");
    }
}
