//! Turns that run in this process, and the signal that stops a turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use causerie_domain::ports::TurnFlush;
use causerie_domain::turn_requests::TurnRequest;
use causerie_domain::turns::ContextReport;
use causerie_domain::usage::UsageProgress;
use causerie_domain::{Requester, SessionId, TurnId, UsageId};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::log::{LogCursor, TurnLog};

/// Reason to stop a running turn before its answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A user cancelled the turn.
    Cancelled,
    /// The process shuts down.
    Draining,
    /// Another instance closed the turn, or the lease could not be renewed.
    Lost,
}

/// Turn that runs in this process.
#[derive(Debug)]
pub(crate) struct RunningTurn {
    pub(crate) log: Arc<TurnLog>,
    /// User and group of the session.
    pub(crate) requester: Requester,
    stop: OnceLock<Stop>,
    stopped: CancellationToken,
    unflushed: Mutex<Unflushed>,
    /// Requests that were sent.
    requests: Mutex<Vec<TurnRequest>>,
    /// Held by the flush of the changes, since their order matters.
    flushing: Arc<tokio::sync::Mutex<()>>,
}

/// Changes that were not flushed.
#[derive(Debug)]
struct Unflushed {
    /// End of the flushed text.
    flushed: LogCursor,
    progress: Option<(UsageId, UsageProgress)>,
    context: Option<ContextReport>,
    /// Whether a request was added.
    has_new_request: bool,
    /// Instant before the last successful renewal of the lease.
    renewed_at: Instant,
}

/// Part of a flush that belongs to one turn.
#[derive(Debug)]
pub(crate) struct PendingFlush {
    pub(crate) turn: Arc<RunningTurn>,
    pub(crate) request: TurnFlush,
    changes: Option<FlushedChanges>,
}

/// Changes that a flush stores, besides the renewal of the lease.
#[derive(Debug)]
struct FlushedChanges {
    /// End of the flushed text after the flush has succeeded.
    end: LogCursor,
    _flushing: OwnedMutexGuard<()>,
}

impl RunningTurn {
    pub(crate) fn new(log: Arc<TurnLog>, requester: Requester, leased_at: Instant) -> Self {
        let context = log.context();
        let unflushed = Unflushed {
            flushed: LogCursor::default(),
            progress: None,
            context,
            has_new_request: false,
            renewed_at: leased_at,
        };
        RunningTurn {
            log,
            requester,
            stop: OnceLock::new(),
            stopped: CancellationToken::new(),
            unflushed: Mutex::new(unflushed),
            requests: Mutex::default(),
            flushing: Arc::default(),
        }
    }

    pub(crate) fn id(&self) -> TurnId {
        self.log.start.turn_id
    }

    /// Signals the turn to stop. The first reason is kept. Returns whether this call was the first one.
    pub(crate) fn stop(&self, reason: Stop) -> bool {
        let is_first = self.stop.set(reason).is_ok();
        self.stopped.cancel();
        is_first
    }

    /// Waits for the signal to stop and returns its reason.
    pub(crate) async fn stopped(&self) -> Stop {
        self.stopped.cancelled().await;
        self.stop.get().copied().unwrap_or(Stop::Lost)
    }

    /// Sets the progress of the open ledger row, for the next flush.
    pub(crate) fn set_progress(&self, usage_id: UsageId, progress: UsageProgress) {
        self.lock().progress = Some((usage_id, progress));
    }

    /// Sets the report on a rebuilt request, for the log and the next flush.
    pub(crate) fn set_context(&self, report: ContextReport) {
        self.log.set_context(report);
        self.lock().context = Some(report);
    }

    /// Adds a request that is about to be sent, for the next flush and the end of the turn.
    pub(crate) fn add_request(&self, request: TurnRequest) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        self.lock().has_new_request = true;
    }

    /// Returns the requests that were sent.
    pub(crate) fn requests(&self) -> Vec<TurnRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the instant before the last successful renewal of the lease.
    pub(crate) fn renewed_at(&self) -> Instant {
        self.lock().renewed_at
    }

    /// Takes changes that were not flushed: text up to the limit of bytes, or one file that exceeds it. Without changes, and
    /// while an earlier flush of the turn stores some, the flush only renews the lease.
    pub(crate) fn pending_flush(self: &Arc<Self>, max_bytes: usize) -> PendingFlush {
        let mut request = TurnFlush {
            turn_id: self.id(),
            segments: Vec::new(),
            progress: None,
            context: None,
            requests: None,
        };
        let flushing = Arc::clone(&self.flushing).try_lock_owned().ok();
        let changes = flushing.map(|flushing| {
            let mut unflushed = self.lock();
            let mut end = unflushed.flushed;
            request.segments = self.log.read_segments(&mut end, max_bytes);
            request.progress = unflushed.progress.take();
            request.context = unflushed.context.take();
            if std::mem::take(&mut unflushed.has_new_request) {
                request.requests = Some(self.requests());
            }
            FlushedChanges { end, _flushing: flushing }
        });
        PendingFlush { turn: Arc::clone(self), request, changes }
    }

    fn lock(&self) -> MutexGuard<'_, Unflushed> {
        // Each change under this lock leaves a valid state, so a poisoned lock can be used.
        self.unflushed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingFlush {
    /// Returns whether the flush stores changes besides the renewal of the lease.
    pub(crate) fn has_changes(&self) -> bool {
        let request = &self.request;
        !request.segments.is_empty()
            || request.progress.is_some()
            || request.context.is_some()
            || request.requests.is_some()
    }

    /// Returns the size of the text in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.request.segments.iter().map(|segment| segment.text.len()).sum()
    }

    /// Records that the flush, which started after `started_at`, has succeeded. Returns whether text waits for the next
    /// one.
    pub(crate) fn succeed(self, started_at: Instant) -> bool {
        let mut unflushed = self.turn.lock();
        if let Some(changes) = &self.changes {
            unflushed.flushed = changes.end;
        }
        unflushed.renewed_at = unflushed.renewed_at.max(started_at);
        unflushed.flushed.position() < self.turn.log.length()
    }

    /// Restores the changes of a failed flush, unless newer ones have replaced them.
    pub(crate) fn fail(self) {
        let mut unflushed = self.turn.lock();
        let TurnFlush { progress, context, requests, .. } = self.request;
        unflushed.progress = unflushed.progress.take().or(progress);
        unflushed.context = unflushed.context.take().or(context);
        unflushed.has_new_request |= requests.is_some();
    }
}

/// Turns that run in this process.
#[derive(Debug, Default)]
pub(crate) struct RunningTurns {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    turns: HashMap<TurnId, Arc<RunningTurn>>,
    /// Whether all turns were stopped. Turns that are inserted later are stopped at once.
    all_stopped: bool,
}

impl RunningTurns {
    pub(crate) fn insert(&self, turn: Arc<RunningTurn>) {
        let mut table = self.lock();
        if table.all_stopped {
            turn.stop(Stop::Draining);
        }
        table.turns.insert(turn.id(), turn);
    }

    pub(crate) fn remove(&self, id: TurnId) {
        self.lock().turns.remove(&id);
    }

    pub(crate) fn get(&self, id: TurnId) -> Option<Arc<RunningTurn>> {
        self.lock().turns.get(&id).cloned()
    }

    pub(crate) fn ids(&self) -> Vec<TurnId> {
        self.lock().turns.keys().copied().collect()
    }

    /// Returns the turn of a session that runs in this process.
    pub(crate) fn of_session(&self, id: SessionId) -> Option<Arc<RunningTurn>> {
        self.lock().turns.values().find(|turn| turn.log.start.session_id == id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<RunningTurn>> {
        self.lock().turns.values().cloned().collect()
    }

    /// Stops all turns, also later ones, because the process shuts down. Returns the number of running turns.
    pub(crate) fn stop_all(&self) -> usize {
        let mut table = self.lock();
        table.all_stopped = true;
        for turn in table.turns.values() {
            turn.stop(Stop::Draining);
        }
        table.turns.len()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
