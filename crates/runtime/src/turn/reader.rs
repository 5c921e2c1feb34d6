//! Following a turn: beside its log in this process, or from the store.

use std::sync::Arc;

use causerie_domain::TurnId;
use causerie_domain::ports::StoreError;
use tokio::sync::watch;

use super::event::{TurnEnd, TurnEvent, TurnStart};
use super::log::{Ending, LogPlace, TurnLog};
use super::replay::{StoredReader, StoredTurnSource};

/// Follows a turn at its own pace: [`TurnEvent::Started`] first, exactly one [`TurnEvent::Ended`] last.
///
/// Another [`TurnEvent::Started`] from 0 takes back what was told: another instance has closed the turn with less
/// text. What comes after the last start is what is stored.
///
/// Dropping a reader changes nothing about the turn.
#[derive(Debug)]
pub struct TurnReader(Source);

#[derive(Debug)]
enum Source {
    Live(Box<LiveReader>),
    Stored(Box<StoredReader>),
}

/// A reader in the process that runs the turn.
#[derive(Debug)]
struct LiveReader {
    log: Arc<TurnLog>,
    changed: watch::Receiver<u64>,
    place: LogPlace,
    /// Told first, before there is any text.
    start: Option<TurnStart>,
    /// What was left out is still to be told. That is known when the model begins to answer, or does not: before, the
    /// request may be built anew.
    context_due: bool,
    ended: bool,
    /// Where reading goes on if the turn is lost.
    shelf: StoredTurnSource,
}

/// What a reader hears from a log.
#[derive(Debug)]
enum LogItem {
    Event(TurnEvent),
    /// The log is not the truth any more.
    Lost,
    /// The end was told before.
    Nothing,
}

impl TurnReader {
    /// Reads a log of this process, from a position; one beyond the log replays it whole.
    pub(crate) fn beside(log: Arc<TurnLog>, position: u64, shelf: StoredTurnSource) -> Self {
        let place = log.place_at(position).unwrap_or_default();
        let start = Some(TurnStart { from: place.position(), ..log.start.clone() });
        let context_due = place.position() == 0;
        let changed = log.watch();
        let beside = LiveReader { log, changed, place, start, context_due, ended: false, shelf };
        TurnReader(Source::Live(Box::new(beside)))
    }

    /// Reads the stored log of a turn, from a position; one beyond what is stored replays it whole.
    pub(crate) fn stored(shelf: StoredTurnSource, start: TurnStart, position: u64) -> Self {
        TurnReader(Source::Stored(Box::new(StoredReader::new(shelf, start, position))))
    }

    /// The turn that is read.
    pub fn turn_id(&self) -> TurnId {
        match &self.0 {
            Source::Live(beside) => beside.log.start.turn_id,
            Source::Stored(stored) => stored.turn_id(),
        }
    }

    /// The next event; `None` after [`TurnEvent::Ended`]. Cancel-safe: a dropped call loses nothing.
    ///
    /// # Errors
    /// [`StoreError`] where the turn is read from the store and that fails. The reader can be asked again; the
    /// turn itself is not touched.
    pub async fn next(&mut self) -> Result<Option<TurnEvent>, StoreError> {
        loop {
            match &mut self.0 {
                Source::Live(beside) => match beside.next().await {
                    LogItem::Event(event) => return Ok(Some(event)),
                    LogItem::Nothing => return Ok(None),
                    LogItem::Lost => self.0 = Source::Stored(Box::new(beside.successor())),
                },
                Source::Stored(stored) => return stored.next().await,
            }
        }
    }

    /// Reads to the end and says how the turn ended.
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
        if self.ended {
            return LogItem::Nothing;
        }
        loop {
            // The end is looked up first: text that came before it is then surely seen by the read.
            let ending = self.log.ending();
            if let Some(Ending::InStore) = ending {
                return LogItem::Lost;
            }
            if self.context_due && (ending.is_some() || self.log.length() > 0) {
                self.context_due = false;
                if let Some(report) = self.log.context().filter(|sent| sent.messages_dropped > 0) {
                    return LogItem::Event(TurnEvent::Context(report));
                }
            }
            if let Some(delta) = self.log.read(&mut self.place) {
                return LogItem::Event(TurnEvent::Delta(delta));
            }
            if let Some(Ending::Here(end)) = ending {
                self.ended = true;
                return LogItem::Event(TurnEvent::Ended(end));
            }
            // The log holds the sender and this reader holds the log, so the channel cannot close.
            let _ = self.changed.changed().await;
        }
    }

    /// The reader that goes on for this one, which has told its start and all up to its place.
    fn successor(&self) -> StoredReader {
        let (shelf, start) = (self.shelf.clone(), self.log.start.clone());
        let mut successor = StoredReader::in_place_of(shelf, start, self.place.position());
        successor.context_due = self.context_due;
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

    /// A reader of a log that nobody takes away.
    fn beside(log: Arc<TurnLog>, position: u64) -> TurnReader {
        let ledger = Arc::new(causerie_memory_store::MemoryStore::new());
        TurnReader::beside(log, position, StoredTurnSource { ledger, poll: Duration::ZERO })
    }

    fn log() -> Arc<TurnLog> {
        Arc::new(TurnLog::new(testing::turn_start(), Some(testing::context(4))))
    }

    async fn told(mut reader: TurnReader) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(event) = reader.next().await.unwrap() {
            told.push(testing::in_words(&event));
        }
        told
    }

    #[tokio::test]
    async fn a_reader_from_the_start_is_told_everything_once() {
        let log = log();
        log.append(PartKind::Reasoning, "hm");
        log.append(PartKind::Text, "yes");
        log.end(testing::ending(TurnStatus::Completed));
        let expected =
            ["start from 0", "context 4 dropped", "0 reasoning \"hm\" @2", "1 text \"yes\" @5", "completed"];
        assert_eq!(told(beside(log, 0)).await, expected);
    }

    #[tokio::test]
    async fn what_was_left_out_is_told_once_and_as_it_was_sent_last() {
        let log = Arc::new(TurnLog::new(testing::turn_start(), Some(testing::context(0))));
        let mut reader = beside(Arc::clone(&log), 0);
        assert!(matches!(reader.next().await.unwrap(), Some(TurnEvent::Started(_))));
        let waiting = tokio::time::timeout(Duration::ZERO, reader.next()).await;
        assert!(waiting.is_err(), "the request may be built anew");
        log.set_context(testing::context(4));
        log.append(PartKind::Text, "yes");
        log.end(testing::ending(TurnStatus::Completed));
        assert_eq!(told(reader).await, ["context 4 dropped", "0 text \"yes\" @3", "completed"]);

        let log = Arc::new(TurnLog::new(testing::turn_start(), Some(testing::context(4))));
        log.end(testing::ending(TurnStatus::Failed));
        assert_eq!(told(beside(log, 0)).await, ["start from 0", "context 4 dropped", "failed"]);
    }

    #[tokio::test]
    async fn a_reader_from_a_position_gets_the_rest_and_one_from_beyond_gets_all() {
        let log = log();
        log.append(PartKind::Text, "yes");
        log.end(testing::ending(TurnStatus::Completed));
        let rest = ["start from 1", "0 text \"es\" @3", "completed"];
        assert_eq!(told(beside(Arc::clone(&log), 1)).await, rest);
        let all = ["start from 0", "context 4 dropped", "0 text \"yes\" @3", "completed"];
        assert_eq!(told(beside(log, 9)).await, all);
    }

    #[tokio::test]
    async fn a_waiting_reader_wakes_on_text_and_on_the_end() {
        let log = log();
        let reader = tokio_util::task::TaskTracker::new().spawn(told(beside(Arc::clone(&log), 0)));
        tokio::task::yield_now().await;
        log.append(PartKind::Text, "a");
        tokio::task::yield_now().await;
        log.append(PartKind::Text, "b");
        log.end(testing::ending(TurnStatus::Cancelled));
        let told = reader.await.unwrap();
        assert_eq!(told.first().unwrap(), "start from 0");
        assert_eq!(told.last().unwrap(), "cancelled");
    }
}
