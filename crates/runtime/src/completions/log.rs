//! Log of the answer of a completion: its chunks in memory, with any number of readers.
//!
//! A log keeps all chunks while the replays of the process have memory, so that a repeated request receives the answer
//! from its start. Without memory it keeps only what its readers have not read, and the upstream waits for them.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causerie_domain::turns::TurnFailure;
use tokio::sync::Notify;

/// Unread bytes of a log without replay at which the upstream waits for the reader.
const MAX_UNREAD_BYTES: usize = 256 * 1024;

/// End of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// The upstream ended the answer, and its cost is in the ledger.
    Completed,
    Failed(TurnFailure),
    /// The end could not be stored. The reaper closes the usage row.
    NotStored,
    /// The process stops, or another instance closed the completion.
    Interrupted,
}

/// End of an answer with its usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerEnd {
    pub outcome: AnswerOutcome,
    /// Usage object of the upstream as JSON.
    pub usage: Option<Arc<str>>,
}

/// Event of an answer. `Ended` is the last one and occurs exactly once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerEvent {
    /// Chunks of the answer, each one JSON object on one line, without usage.
    Chunks(Vec<Arc<str>>),
    Ended(AnswerEnd),
}

/// Memory that the logs of a process may use.
#[derive(Debug)]
pub(super) struct ReplayMemory {
    used: AtomicUsize,
    max: usize,
}

impl ReplayMemory {
    pub(super) fn new(max: usize) -> Self {
        ReplayMemory { used: AtomicUsize::new(0), max }
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.max
    }
}

/// Log of one completion in this process.
#[derive(Debug)]
pub(super) struct CompletionLog {
    state: Mutex<LogState>,
    /// Chunks were added, or the answer ended.
    changed: Notify,
    /// A reader came, went or read.
    readers_changed: Notify,
    memory: Arc<ReplayMemory>,
}

#[derive(Debug, Default)]
struct LogState {
    /// Chunks from `first` on.
    chunks: VecDeque<Arc<str>>,
    first: usize,
    bytes: usize,
    is_cut: bool,
    usage: Option<Arc<str>>,
    outcome: Option<AnswerOutcome>,
    /// Index of the next chunk of each reader.
    readers: HashMap<u64, usize>,
    next_reader: u64,
    /// Whether a client has received the whole answer.
    is_delivered: bool,
    /// Whether the request was cancelled because no reader was left.
    is_abandoned: bool,
}

impl CompletionLog {
    pub(super) fn new(memory: Arc<ReplayMemory>) -> Self {
        CompletionLog {
            state: Mutex::default(),
            changed: Notify::new(),
            readers_changed: Notify::new(),
            memory,
        }
    }

    /// Appends a chunk. Returns whether the memory of replays is exceeded.
    pub(super) fn append(&self, json: String) -> bool {
        let mut state = self.lock();
        state.bytes += json.len();
        self.memory.used.fetch_add(json.len(), Ordering::Relaxed);
        state.chunks.push_back(json.into());
        self.release_read(&mut state);
        drop(state);
        self.changed.notify_waiters();
        self.memory.is_exceeded()
    }

    pub(super) fn set_usage(&self, json: String) {
        self.lock().usage = Some(json.into());
    }

    /// Ends the answer. A second call is ignored.
    pub(super) fn end(&self, outcome: AnswerOutcome) {
        self.lock().outcome.get_or_insert(outcome);
        self.changed.notify_waiters();
    }

    /// Gives up the replay: keeps only chunks that a reader has not read.
    pub(super) fn cut(&self) {
        let mut state = self.lock();
        state.is_cut = true;
        self.release_read(&mut state);
    }

    /// Waits until the readers of a log without replay have read enough.
    pub(super) async fn wait_for_readers(&self) {
        loop {
            let changed = self.readers_changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let state = self.lock();
                if !state.is_cut || state.bytes <= MAX_UNREAD_BYTES {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Waits until there is a reader, or until there is none.
    pub(super) async fn wait_until_read(&self, is_read: bool) {
        loop {
            let changed = self.readers_changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.lock().readers.is_empty() != is_read {
                return;
            }
            changed.await;
        }
    }

    /// Marks the request as cancelled if no reader is left. Returns whether it is.
    pub(super) fn abandon(&self) -> bool {
        let mut state = self.lock();
        state.is_abandoned |= state.readers.is_empty();
        state.is_abandoned
    }

    /// Adds a reader from the start, unless the answer failed, was cancelled or is not kept. Without a key, `is_exclusive`,
    /// it is also refused while another reader reads, and after the answer was delivered.
    pub(super) fn attach(self: &Arc<Self>, is_exclusive: bool) -> Option<CompletionReader> {
        let mut state = self.lock();
        let is_usable = !state.is_cut && !state.is_abandoned && state.can_succeed();
        let is_free = !is_exclusive || state.readers.is_empty() && !state.is_delivered;
        (is_usable && is_free).then(|| self.add_reader(&mut state))
    }

    /// Adds the first reader.
    pub(super) fn reader(self: &Arc<Self>) -> CompletionReader {
        self.add_reader(&mut self.lock())
    }

    /// Returns whether the answer is running or complete.
    pub(super) fn can_succeed(&self) -> bool {
        let state = self.lock();
        state.can_succeed() && !state.is_abandoned
    }

    /// Returns whether a client reads an answer that a retry could receive once the client has gone.
    pub(super) fn is_being_read(&self) -> bool {
        let state = self.lock();
        !state.is_cut && !state.is_delivered && state.can_succeed() && !state.readers.is_empty()
    }

    /// Returns whether a chunk was appended.
    pub(super) fn has_chunks(&self) -> bool {
        let state = self.lock();
        state.first > 0 || !state.chunks.is_empty()
    }

    fn add_reader(self: &Arc<Self>, state: &mut LogState) -> CompletionReader {
        let id = state.next_reader;
        state.next_reader += 1;
        state.readers.insert(id, 0);
        self.readers_changed.notify_waiters();
        CompletionReader { log: Arc::clone(self), id }
    }

    /// Releases chunks that every reader of a log without replay has read.
    fn release_read(&self, state: &mut LogState) {
        if !state.is_cut {
            return;
        }
        let end = state.first + state.chunks.len();
        let read = state.readers.values().copied().min().unwrap_or(end);
        while state.first < read
            && let Some(chunk) = state.chunks.pop_front()
        {
            state.first += 1;
            state.bytes -= chunk.len();
            self.memory.used.fetch_sub(chunk.len(), Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        // Each change under this lock leaves a valid state, so a poisoned lock can be used.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogState {
    fn can_succeed(&self) -> bool {
        matches!(self.outcome, None | Some(AnswerOutcome::Completed))
    }
}

impl Drop for CompletionLog {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.lock().bytes, Ordering::Relaxed);
    }
}

/// Reader of the answer of a completion. Dropping it is how a client goes away.
#[derive(Debug)]
pub struct CompletionReader {
    log: Arc<CompletionLog>,
    id: u64,
}

impl CompletionReader {
    /// Returns the next event: all chunks that have arrived, or the end. After the end, it is the end again.
    pub async fn next(&mut self) -> AnswerEvent {
        loop {
            let changed = self.log.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(event) = self.read() {
                return event;
            }
            changed.await;
        }
    }

    /// Records that the client has received the whole answer: a retry without a key is a new request then.
    pub fn set_delivered(&self) {
        self.log.lock().is_delivered = true;
    }

    fn read(&self) -> Option<AnswerEvent> {
        let mut state = self.log.lock();
        let end = state.first + state.chunks.len();
        let next = state.readers.insert(self.id, end).unwrap_or(end);
        let chunks: Vec<_> = state.chunks.iter().skip(next.saturating_sub(state.first)).cloned().collect();
        if chunks.is_empty() {
            let outcome = state.outcome.clone()?;
            return Some(AnswerEvent::Ended(AnswerEnd { outcome, usage: state.usage.clone() }));
        }
        if state.is_cut {
            self.log.release_read(&mut state);
            self.log.readers_changed.notify_waiters();
        }
        Some(AnswerEvent::Chunks(chunks))
    }
}

impl Drop for CompletionReader {
    fn drop(&mut self) {
        let mut state = self.log.lock();
        state.readers.remove(&self.id);
        self.log.release_read(&mut state);
        drop(state);
        self.log.readers_changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;

    use super::*;

    fn log(max: usize) -> Arc<CompletionLog> {
        Arc::new(CompletionLog::new(Arc::new(ReplayMemory::new(max))))
    }

    async fn chunks(reader: &mut CompletionReader) -> Vec<String> {
        match reader.next().await {
            AnswerEvent::Chunks(chunks) => chunks.iter().map(ToString::to_string).collect(),
            AnswerEvent::Ended(_) => Vec::new(),
        }
    }

    #[tokio::test]
    async fn every_reader_receives_the_answer_from_its_start() {
        let log = log(100);
        let mut first = log.reader();
        assert!(first.next().now_or_never().is_none());
        log.append("a".to_owned());
        log.append("b".to_owned());
        assert_eq!(chunks(&mut first).await, ["a", "b"]);
        let mut second = log.attach(false).unwrap();
        log.append("c".to_owned());
        log.set_usage("{}".to_owned());
        log.end(AnswerOutcome::Completed);
        assert_eq!(chunks(&mut second).await, ["a", "b", "c"]);
        assert_eq!(chunks(&mut first).await, ["c"]);
        let end = AnswerEnd { outcome: AnswerOutcome::Completed, usage: Some("{}".into()) };
        assert_eq!(first.next().await, AnswerEvent::Ended(end));
    }

    #[tokio::test]
    async fn a_log_without_replay_keeps_what_is_unread_and_the_upstream_waits() {
        let log = log(1);
        let mut reader = log.reader();
        assert!(log.append("x".repeat(MAX_UNREAD_BYTES + 1)));
        log.cut();
        assert!(log.attach(false).is_none());
        assert!(log.wait_for_readers().now_or_never().is_none());
        assert_eq!(chunks(&mut reader).await.len(), 1);
        log.wait_for_readers().await;
        assert!(!log.memory.is_exceeded());
        drop(reader);
        log.append("y".repeat(100));
        assert!(!log.memory.is_exceeded(), "without a reader nothing is kept");
    }

    #[test]
    fn an_exclusive_reader_attaches_to_an_answer_that_nobody_reads_or_has_received() {
        let log = log(100);
        let reader = log.reader();
        assert!(log.attach(true).is_none());
        drop(reader);
        let reader = log.attach(true).unwrap();
        reader.set_delivered();
        drop(reader);
        assert!(log.attach(true).is_none() && log.attach(false).is_some());
        log.end(AnswerOutcome::Interrupted);
        assert!(log.attach(false).is_none(), "a failed answer is not repeated");
    }

    #[test]
    fn a_request_is_abandoned_only_without_a_reader() {
        let log = log(100);
        let reader = log.reader();
        assert!(!log.abandon());
        drop(reader);
        assert!(log.abandon() && log.attach(false).is_none());
    }

    #[test]
    fn memory_is_returned_with_the_log() {
        let memory = Arc::new(ReplayMemory::new(0));
        let log = Arc::new(CompletionLog::new(Arc::clone(&memory)));
        assert!(log.append("abc".to_owned()));
        drop(log);
        assert!(!memory.is_exceeded());
    }
}
