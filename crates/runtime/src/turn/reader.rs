//! Following a turn: beside its log in this process, or from the store.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::TurnId;
use causerie_domain::ports::{StoreError, TurnLedger};
use tokio::sync::watch;

use super::event::{TurnEnd, TurnEvent, TurnStart};
use super::log::{LogPlace, TurnLog};
use super::stored::StoredReader;

/// Follows a turn at its own pace: [`TurnEvent::Started`] first, exactly one [`TurnEvent::Ended`] last.
///
/// Dropping a reader changes nothing about the turn.
#[derive(Debug)]
pub struct TurnReader(Source);

#[derive(Debug)]
enum Source {
    Beside(Beside),
    Stored(Box<StoredReader>),
}

/// A reader in the process that runs the turn.
#[derive(Debug)]
struct Beside {
    log: Arc<TurnLog>,
    changed: watch::Receiver<u64>,
    place: LogPlace,
    /// Told first, before there is any text.
    start: Option<TurnStart>,
    /// What was left out is still to be told. That is known when the model begins to answer, or does not: before, the
    /// request may be built anew.
    context_due: bool,
    ended: bool,
}

impl TurnReader {
    /// Reads a log of this process, from a position; one beyond the log replays it whole.
    pub(crate) fn beside(log: Arc<TurnLog>, position: u64) -> Self {
        let place = log.place_at(position).unwrap_or_default();
        let start = Some(TurnStart { from: place.position(), ..log.start.clone() });
        let context_due = place.position() == 0;
        let changed = log.watch();
        TurnReader(Source::Beside(Beside { log, changed, place, start, context_due, ended: false }))
    }

    /// Reads the stored log of a turn, from a position; one beyond what is stored replays it whole.
    pub(crate) fn stored(
        ledger: Arc<dyn TurnLedger>,
        start: TurnStart,
        position: u64,
        poll: Duration,
    ) -> Self {
        TurnReader(Source::Stored(Box::new(StoredReader::new(ledger, start, position, poll))))
    }

    /// The turn that is read.
    pub fn turn_id(&self) -> TurnId {
        match &self.0 {
            Source::Beside(beside) => beside.log.start.turn_id,
            Source::Stored(stored) => stored.turn_id(),
        }
    }

    /// The next event; `None` after [`TurnEvent::Ended`]. Cancel-safe: a dropped call loses nothing.
    ///
    /// # Errors
    /// [`StoreError`] where the turn is read from the store and that fails. The reader can be asked again; the
    /// turn itself is not touched.
    pub async fn next(&mut self) -> Result<Option<TurnEvent>, StoreError> {
        match &mut self.0 {
            Source::Beside(beside) => Ok(beside.next().await),
            Source::Stored(stored) => stored.next().await,
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

impl Beside {
    async fn next(&mut self) -> Option<TurnEvent> {
        if let Some(start) = self.start.take() {
            return Some(TurnEvent::Started(start));
        }
        if self.ended {
            return None;
        }
        loop {
            // The end is looked up first: text that came before it is then surely seen by the read.
            let end = self.log.ending();
            if self.context_due && (end.is_some() || self.log.length() > 0) {
                self.context_due = false;
                if let Some(report) = self.log.context().filter(|sent| sent.messages_dropped > 0) {
                    return Some(TurnEvent::Context(report));
                }
            }
            if let Some(delta) = self.log.read(&mut self.place) {
                return Some(TurnEvent::Delta(delta));
            }
            if let Some(end) = end {
                self.ended = true;
                return Some(TurnEvent::Ended(Box::new(end)));
            }
            // The log holds the sender and this reader holds the log, so the channel cannot close.
            let _ = self.changed.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use causerie_domain::message::PartKind;
    use causerie_domain::turn::TurnStatus;

    use super::*;
    use crate::turn::testing;

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
        log.end(testing::turn_end(TurnStatus::Completed));
        let expected =
            ["start from 0", "context 4 dropped", "0 reasoning \"hm\" @2", "1 text \"yes\" @5", "completed"];
        assert_eq!(told(TurnReader::beside(log, 0)).await, expected);
    }

    #[tokio::test]
    async fn what_was_left_out_is_told_once_and_as_it_was_sent_last() {
        let log = Arc::new(TurnLog::new(testing::turn_start(), Some(testing::context(0))));
        let mut reader = TurnReader::beside(Arc::clone(&log), 0);
        assert!(matches!(reader.next().await.unwrap(), Some(TurnEvent::Started(_))));
        let waiting = tokio::time::timeout(Duration::ZERO, reader.next()).await;
        assert!(waiting.is_err(), "the request may be built anew");
        log.set_context(testing::context(4));
        log.append(PartKind::Text, "yes");
        log.end(testing::turn_end(TurnStatus::Completed));
        assert_eq!(told(reader).await, ["context 4 dropped", "0 text \"yes\" @3", "completed"]);

        let log = Arc::new(TurnLog::new(testing::turn_start(), Some(testing::context(4))));
        log.end(testing::turn_end(TurnStatus::Failed));
        assert_eq!(told(TurnReader::beside(log, 0)).await, ["start from 0", "context 4 dropped", "failed"]);
    }

    #[tokio::test]
    async fn a_reader_from_a_position_gets_the_rest_and_one_from_beyond_gets_all() {
        let log = log();
        log.append(PartKind::Text, "yes");
        log.end(testing::turn_end(TurnStatus::Completed));
        let rest = ["start from 1", "0 text \"es\" @3", "completed"];
        assert_eq!(told(TurnReader::beside(Arc::clone(&log), 1)).await, rest);
        let all = ["start from 0", "context 4 dropped", "0 text \"yes\" @3", "completed"];
        assert_eq!(told(TurnReader::beside(log, 9)).await, all);
    }

    #[tokio::test]
    async fn a_waiting_reader_wakes_on_text_and_on_the_end() {
        let log = log();
        let reader =
            tokio_util::task::TaskTracker::new().spawn(told(TurnReader::beside(Arc::clone(&log), 0)));
        tokio::task::yield_now().await;
        log.append(PartKind::Text, "a");
        tokio::task::yield_now().await;
        log.append(PartKind::Text, "b");
        log.end(testing::turn_end(TurnStatus::Cancelled));
        let told = reader.await.unwrap();
        assert_eq!(told.first().unwrap(), "start from 0");
        assert_eq!(told.last().unwrap(), "cancelled");
    }
}
