//! Records of requests and their outcomes. Tests read them or wait for them.

mod record;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use record::{Outcome, RecordedRequest};

/// Maximum total size of the recorded bodies in bytes.
const MAX_BODY_BYTES: usize = 64 << 20;

/// Most recent requests in the order of arrival.
#[derive(Debug)]
pub(crate) struct Recorder {
    log: Mutex<Log>,
    changed: watch::Sender<()>,
    started: Instant,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Log {
    entries: VecDeque<Entry>,
    bytes: usize,
    total: u64,
}

#[derive(Debug)]
struct Entry {
    request: Arc<RecordedRequest>,
    bytes: usize,
}

/// Writer of the record of one request.
///
/// It is dropped without an outcome when the connection is closed: by the simulator if its token is cancelled, otherwise
/// by the client.
#[derive(Debug)]
pub(crate) struct RequestRecording {
    recorder: Arc<Recorder>,
    number: u64,
    cut: CancellationToken,
    ended: bool,
}

impl Recorder {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            log: Mutex::default(),
            changed: watch::Sender::new(()),
            started: Instant::now(),
            capacity: capacity.max(1),
        }
    }

    /// Starts the record of a request. `bytes` is the size of its body; `cut` aborts its answer.
    pub(crate) fn start(
        self: &Arc<Self>,
        mut request: RecordedRequest,
        bytes: usize,
        cut: CancellationToken,
    ) -> RequestRecording {
        let mut log = self.log();
        log.total += 1;
        request.number = log.total;
        request.started_at = self.started.elapsed();
        log.bytes += bytes;
        log.entries.push_back(Entry { request: Arc::new(request), bytes });
        while log.entries.len() > self.capacity || (log.bytes > MAX_BODY_BYTES && log.entries.len() > 1) {
            let Some(oldest) = log.entries.pop_front() else { break };
            log.bytes -= oldest.bytes;
        }
        let number = log.total;
        drop(log);
        self.changed.send_replace(());
        RequestRecording { recorder: Arc::clone(self), number, cut, ended: false }
    }

    pub(crate) fn requests(&self) -> Vec<Arc<RecordedRequest>> {
        self.log().entries.iter().map(|entry| Arc::clone(&entry.request)).collect()
    }

    /// Returns the number of recorded requests that satisfy the condition.
    pub(crate) fn count(&self, condition: impl Fn(&RecordedRequest) -> bool) -> usize {
        self.log().entries.iter().filter(|entry| condition(&entry.request)).count()
    }

    /// Returns the number of requests since the start, including removed ones.
    pub(crate) fn total(&self) -> u64 {
        self.log().total
    }

    /// Removes the records; the total is kept.
    pub(crate) fn clear(&self) {
        let mut log = self.log();
        log.entries.clear();
        log.bytes = 0;
    }

    /// Resolves when the recorded requests satisfy the condition.
    pub(crate) async fn wait_until(&self, mut condition: impl FnMut(&[Arc<RecordedRequest>]) -> bool) {
        let mut changes = self.changed.subscribe();
        while !condition(&self.requests()) {
            // The sender is a field of the recorder, so the channel cannot close.
            let _ = changes.changed().await;
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Updates a record if it has not been removed.
    fn update(&self, number: u64, change: impl FnOnce(&mut RecordedRequest, Duration)) {
        let now = self.started.elapsed();
        let mut log = self.log();
        // Numbers are consecutive, so the index follows from the distance to the newest record.
        let from_end = usize::try_from(log.total - number).unwrap_or(usize::MAX);
        let index = log.entries.len().checked_sub(from_end.saturating_add(1));
        if let Some(entry) = index.and_then(|index| log.entries.get_mut(index)) {
            change(Arc::make_mut(&mut entry.request), now);
        }
        drop(log);
        self.changed.send_replace(());
    }
}

impl RequestRecording {
    /// Returns the token that is cancelled when the connection must be closed immediately.
    pub(crate) fn cut(&self) -> &CancellationToken {
        &self.cut
    }

    /// Records the response head before it is sent.
    pub(crate) fn answered(&self, status: u16, generation_id: Option<String>) {
        self.recorder.update(self.number, |request, _| {
            request.status = Some(status);
            request.generation_id = generation_id;
        });
    }

    /// Records a piece of the body before it is sent.
    pub(crate) fn sent(&self) {
        self.recorder.update(self.number, |request, _| request.chunks_sent += 1);
    }

    /// Records the end of the answer; later calls have no effect.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        if !std::mem::replace(&mut self.ended, true) {
            self.recorder.update(self.number, |request, now| {
                request.outcome = Some(outcome);
                request.ended_at = Some(now);
            });
        }
    }
}

impl Drop for RequestRecording {
    fn drop(&mut self) {
        self.end(if self.cut.is_cancelled() { Outcome::Stopped } else { Outcome::ClientClosed });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn start(recorder: &Arc<Recorder>, bytes: usize) -> RequestRecording {
        recorder.start(RecordedRequest::default(), bytes, CancellationToken::new())
    }

    fn numbers(recorder: &Recorder) -> Vec<u64> {
        recorder.requests().iter().map(|request| request.number).collect()
    }

    #[test]
    fn the_oldest_records_are_removed_and_updates_of_them_ignored() {
        let recorder = Arc::new(Recorder::new(2));
        let mut recordings: Vec<RequestRecording> = (0..3).map(|_| start(&recorder, 10)).collect();
        assert_eq!(numbers(&recorder), [2, 3]);
        assert_eq!(recorder.total(), 3);

        recordings[0].end(Outcome::Complete);
        assert_eq!(recorder.count(|request| request.outcome.is_some()), 0);
        recordings[1].end(Outcome::Complete);
        let ended = |request: &RecordedRequest| request.outcome == Some(Outcome::Complete);
        assert_eq!(recorder.count(ended), 1);
        assert_eq!(recorder.requests()[0].number, 2);
    }

    #[test]
    fn the_total_size_of_bodies_is_limited() {
        let recorder = Arc::new(Recorder::new(100));
        for _ in 0..4 {
            start(&recorder, MAX_BODY_BYTES / 2);
        }
        assert_eq!(numbers(&recorder), [3, 4]);
        recorder.clear();
        assert!(numbers(&recorder).is_empty());
        start(&recorder, 2 * MAX_BODY_BYTES);
        assert_eq!(numbers(&recorder), [5]);
    }

    #[tokio::test]
    async fn a_wait_ends_with_the_change_that_satisfies_it() {
        let recorder = Arc::new(Recorder::new(10));
        let mut closed = Box::pin(recorder.wait_until(|requests| {
            requests.iter().any(|request| request.outcome == Some(Outcome::ClientClosed))
        }));
        assert!(closed.as_mut().now_or_never().is_none());
        let recording = start(&recorder, 0);
        assert!(closed.as_mut().now_or_never().is_none());
        drop(recording);
        assert!(closed.as_mut().now_or_never().is_some());
    }
}
