//! Completions that run in this process, and the signal that stops one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use causerie_domain::UsageId;
use causerie_domain::ports::RenewCompletion;
use causerie_domain::usage::UsageProgress;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::turn::running::Stop;

/// Completion that runs in this process.
#[derive(Debug)]
pub(super) struct RunningCompletion {
    stop: OnceLock<Stop>,
    stopped: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Open usage row.
    usage_id: UsageId,
    /// Progress that was not stored.
    progress: Option<UsageProgress>,
    /// Instant before the last successful renewal of the lease.
    renewed_at: Instant,
}

impl RunningCompletion {
    pub(super) fn new(usage_id: UsageId, leased_at: Instant) -> Self {
        RunningCompletion {
            stop: OnceLock::new(),
            stopped: CancellationToken::new(),
            state: Mutex::new(State { usage_id, progress: None, renewed_at: leased_at }),
        }
    }

    /// Signals the completion to stop. The first reason is kept. Returns whether this call was the first one.
    pub(super) fn stop(&self, reason: Stop) -> bool {
        let is_first = self.stop.set(reason).is_ok();
        self.stopped.cancel();
        is_first
    }

    /// Waits for the signal to stop and returns its reason.
    pub(super) async fn stopped(&self) -> Stop {
        self.stopped.cancelled().await;
        self.stop.get().copied().unwrap_or(Stop::Lost)
    }

    pub(super) fn usage_id(&self) -> UsageId {
        self.lock().usage_id
    }

    pub(super) fn renewed_at(&self) -> Instant {
        self.lock().renewed_at
    }

    /// Sets the row of the next request.
    pub(super) fn set_usage_id(&self, usage_id: UsageId) {
        let mut state = self.lock();
        state.usage_id = usage_id;
        state.progress = None;
    }

    pub(super) fn set_progress(&self, progress: UsageProgress) {
        self.lock().progress = Some(progress);
    }

    pub(super) fn has_progress(&self) -> bool {
        self.lock().progress.is_some()
    }

    pub(super) fn take_renewal(&self) -> RenewCompletion {
        let mut state = self.lock();
        RenewCompletion { usage_id: state.usage_id, progress: state.progress.take() }
    }

    pub(super) fn complete_renewal(&self, renewal: RenewCompletion, is_stored: bool, started_at: Instant) {
        let mut state = self.lock();
        if is_stored {
            state.renewed_at = started_at;
        } else if state.usage_id == renewal.usage_id {
            state.progress = state.progress.take().or(renewal.progress);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change under this lock leaves a valid state, so a poisoned lock can be used.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Completions that run in this process.
#[derive(Debug, Default)]
pub(super) struct RunningCompletions {
    table: Mutex<Table>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Table {
    running: HashMap<u64, Arc<RunningCompletion>>,
    next: u64,
    /// Whether all completions were stopped. Later ones are stopped at once.
    all_stopped: bool,
}

impl RunningCompletions {
    /// Adds a completion. Dropping the guard removes it.
    pub(super) fn insert(self: &Arc<Self>, completion: &Arc<RunningCompletion>) -> RunningGuard {
        let mut table = self.lock();
        if table.all_stopped {
            completion.stop(Stop::Draining);
        }
        let place = table.next;
        table.next += 1;
        table.running.insert(place, Arc::clone(completion));
        RunningGuard { all: Arc::clone(self), place }
    }

    /// Schedules a renewal after a completion has progressed.
    pub(super) fn notify(&self) {
        self.changed.notify_one();
    }

    /// Waits for a notification.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Stops all completions, also later ones. Returns the number of running ones.
    pub(super) fn stop_all(&self) -> usize {
        let mut table = self.lock();
        table.all_stopped = true;
        for completion in table.running.values() {
            completion.stop(Stop::Draining);
        }
        table.running.len()
    }

    pub(super) fn all(&self) -> Vec<Arc<RunningCompletion>> {
        self.lock().running.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Place of a running completion.
#[derive(Debug)]
pub(super) struct RunningGuard {
    all: Arc<RunningCompletions>,
    place: u64,
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        self.all.lock().running.remove(&self.place);
    }
}
