//! Records of requests and their outcome, for tests to read and to wait for.

mod record;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use record::{Ending, RecordedRequest};

/// Maximum total size of the recorded bodies in bytes.
const KEPT_BYTES: usize = 64 << 20;

/// The most recent requests in order of arrival.
#[derive(Debug)]
pub(crate) struct Recorder {
    log: Mutex<Log>,
    changed: watch::Sender<()>,
    started: Instant,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Log {
    kept: VecDeque<Kept>,
    bytes: usize,
    total: u64,
}

#[derive(Debug)]
struct Kept {
    request: Arc<RecordedRequest>,
    bytes: usize,
}

/// Writer of the record of one request.
///
/// It is dropped without an ending when the connection is closed: by the simulator if its token is cancelled, otherwise
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
    pub(crate) fn arrive(
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
        log.kept.push_back(Kept { request: Arc::new(request), bytes });
        while log.kept.len() > self.capacity || (log.bytes > KEPT_BYTES && log.kept.len() > 1) {
            let Some(oldest) = log.kept.pop_front() else { break };
            log.bytes -= oldest.bytes;
        }
        let number = log.total;
        drop(log);
        self.changed.send_replace(());
        RequestRecording { recorder: Arc::clone(self), number, cut, ended: false }
    }

    pub(crate) fn requests(&self) -> Vec<Arc<RecordedRequest>> {
        self.log().kept.iter().map(|kept| Arc::clone(&kept.request)).collect()
    }

    /// Number of recorded requests that satisfy the condition.
    pub(crate) fn count(&self, condition: impl Fn(&RecordedRequest) -> bool) -> usize {
        self.log().kept.iter().filter(|kept| condition(&kept.request)).count()
    }

    /// Number of requests since the start, including removed ones.
    pub(crate) fn total(&self) -> u64 {
        self.log().total
    }

    /// Removes the records; the total is kept.
    pub(crate) fn clear(&self) {
        let mut log = self.log();
        log.kept.clear();
        log.bytes = 0;
    }

    /// Resolves when the recorded requests satisfy the condition.
    pub(crate) async fn wait_until(&self, mut condition: impl FnMut(&[Arc<RecordedRequest>]) -> bool) {
        let mut changes = self.changed.subscribe();
        while !condition(&self.requests()) {
            // The sender is a field of the same recorder, so it outlives this wait.
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
        let from_the_end = usize::try_from(log.total - number).unwrap_or(usize::MAX);
        let place = log.kept.len().checked_sub(from_the_end.saturating_add(1));
        if let Some(kept) = place.and_then(|place| log.kept.get_mut(place)) {
            change(Arc::make_mut(&mut kept.request), now);
        }
        drop(log);
        self.changed.send_replace(());
    }
}

impl RequestRecording {
    /// Cancelled when the connection must be closed immediately.
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
    pub(crate) fn end(&mut self, ending: Ending) {
        if !std::mem::replace(&mut self.ended, true) {
            self.recorder.update(self.number, |request, now| {
                request.ending = Some(ending);
                request.ended_at = Some(now);
            });
        }
    }
}

impl Drop for RequestRecording {
    fn drop(&mut self) {
        self.end(if self.cut.is_cancelled() { Ending::Stopped } else { Ending::ClientLeft });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn arrive(recorder: &Arc<Recorder>, bytes: usize) -> RequestRecording {
        recorder.arrive(RecordedRequest::default(), bytes, CancellationToken::new())
    }

    fn numbers(recorder: &Recorder) -> Vec<u64> {
        recorder.requests().iter().map(|request| request.number).collect()
    }

    #[test]
    fn the_oldest_records_are_removed_and_updates_of_them_ignored() {
        let recorder = Arc::new(Recorder::new(2));
        let mut recordings: Vec<RequestRecording> = (0..3).map(|_| arrive(&recorder, 10)).collect();
        assert_eq!(numbers(&recorder), [2, 3]);
        assert_eq!(recorder.total(), 3);

        recordings[0].end(Ending::Complete);
        assert_eq!(recorder.count(|request| request.ending.is_some()), 0);
        recordings[1].end(Ending::Complete);
        let ended = |request: &RecordedRequest| request.ending == Some(Ending::Complete);
        assert_eq!(recorder.count(ended), 1);
        assert_eq!(recorder.requests()[0].number, 2);
    }

    #[test]
    fn the_total_size_of_bodies_is_limited() {
        let recorder = Arc::new(Recorder::new(100));
        for _ in 0..4 {
            arrive(&recorder, KEPT_BYTES / 2);
        }
        assert_eq!(numbers(&recorder), [3, 4]);
        recorder.clear();
        assert!(numbers(&recorder).is_empty());
        arrive(&recorder, 2 * KEPT_BYTES);
        assert_eq!(numbers(&recorder), [5]);
    }

    #[tokio::test]
    async fn a_wait_ends_with_the_change_that_satisfies_it() {
        let recorder = Arc::new(Recorder::new(10));
        let mut left = Box::pin(recorder.wait_until(|requests| {
            requests.iter().any(|request| request.ending == Some(Ending::ClientLeft))
        }));
        assert!(left.as_mut().now_or_never().is_none());
        let recording = arrive(&recorder, 0);
        assert!(left.as_mut().now_or_never().is_none());
        drop(recording);
        assert!(left.as_mut().now_or_never().is_some());
    }
}
