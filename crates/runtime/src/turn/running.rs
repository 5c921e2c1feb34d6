//! The turns that run in this process, and the signal that stops one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use causerie_domain::ports::TurnFlush;
use causerie_domain::turns::ContextReport;
use causerie_domain::usage::UsageProgress;
use causerie_domain::{TurnId, UsageId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::log::{LogPlace, TurnLog};

/// Why a running turn shall stop before its answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Its user said so.
    Cancelled,
    /// This process is about to end.
    Draining,
    /// The store gave it to somebody else, or its lease could not be renewed.
    Lost,
}

/// A turn that runs in this process.
#[derive(Debug)]
pub(crate) struct RunningTurn {
    pub(crate) log: Arc<TurnLog>,
    stop: OnceLock<Stop>,
    stopped: CancellationToken,
    unflushed: Mutex<Unflushed>,
}

/// What the store does not know yet.
#[derive(Debug)]
struct Unflushed {
    /// Up to where the text is flushed.
    flushed: LogPlace,
    progress: Option<(UsageId, UsageProgress)>,
    context: Option<ContextReport>,
    /// When the lease was last known to be ours.
    renewed_at: Instant,
}

/// One turn's part of a flush, and where its text is flushed to once that has succeeded.
#[derive(Debug)]
pub(crate) struct FlushPiece {
    pub(crate) turn: Arc<RunningTurn>,
    pub(crate) flush: TurnFlush,
    reaches: LogPlace,
}

impl RunningTurn {
    pub(crate) fn new(log: Arc<TurnLog>, leased_at: Instant) -> Self {
        let context = log.context();
        let unflushed =
            Unflushed { flushed: LogPlace::default(), progress: None, context, renewed_at: leased_at };
        RunningTurn {
            log,
            stop: OnceLock::new(),
            stopped: CancellationToken::new(),
            unflushed: Mutex::new(unflushed),
        }
    }

    pub(crate) fn id(&self) -> TurnId {
        self.log.start.turn_id
    }

    /// Asks the turn to stop. The first reason counts; whether this is it.
    pub(crate) fn stop(&self, reason: Stop) -> bool {
        let first = self.stop.set(reason).is_ok();
        self.stopped.cancel();
        first
    }

    /// Resolves once the turn shall stop.
    pub(crate) async fn stopped(&self) -> Stop {
        self.stopped.cancelled().await;
        self.stop.get().copied().unwrap_or(Stop::Lost)
    }

    /// Notes news of the open ledger row, for the next flush.
    pub(crate) fn note_progress(&self, usage_id: UsageId, progress: UsageProgress) {
        self.lock().progress = Some((usage_id, progress));
    }

    /// Notes that the request was built anew, for the next flush.
    pub(crate) fn note_context(&self, report: ContextReport) {
        self.log.set_context(report);
        self.lock().context = Some(report);
    }

    /// When the lease was last known to be ours.
    pub(crate) fn renewed_at(&self) -> Instant {
        self.lock().renewed_at
    }

    /// What is to be flushed; empty but for the renewal where there is nothing new.
    pub(crate) fn flush_piece(self: &Arc<Self>) -> FlushPiece {
        let mut unflushed = self.lock();
        let mut reaches = unflushed.flushed;
        let flush = TurnFlush {
            turn_id: self.id(),
            segments: self.log.take_segments(&mut reaches),
            progress: unflushed.progress.take(),
            context: unflushed.context.take(),
        };
        FlushPiece { turn: Arc::clone(self), flush, reaches }
    }

    fn lock(&self) -> MutexGuard<'_, Unflushed> {
        // Every change under this lock is complete in itself, so a panic elsewhere leaves nothing half done.
        self.unflushed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FlushPiece {
    /// Whether there is more to it than the renewal.
    pub(crate) fn has_news(&self) -> bool {
        let flush = &self.flush;
        !flush.segments.is_empty() || flush.progress.is_some() || flush.context.is_some()
    }

    /// Notes that the store took it, at an instant before which the flush was begun.
    pub(crate) fn succeeded(self, begun_at: Instant) {
        let mut unflushed = self.turn.lock();
        unflushed.flushed = self.reaches;
        unflushed.renewed_at = begun_at;
    }

    /// Puts its news back, unless there are newer ones: the store did not take it.
    pub(crate) fn failed(self) {
        let mut unflushed = self.turn.lock();
        let TurnFlush { progress, context, .. } = self.flush;
        unflushed.progress = unflushed.progress.take().or(progress);
        unflushed.context = unflushed.context.take().or(context);
    }
}

/// The turns that run in this process.
#[derive(Debug, Default)]
pub(crate) struct RunningTurns {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    turns: HashMap<TurnId, Arc<RunningTurn>>,
    /// Whether every turn is cut, also one that is only about to begin.
    cut: bool,
}

impl RunningTurns {
    pub(crate) fn insert(&self, turn: Arc<RunningTurn>) {
        let mut table = self.lock();
        if table.cut {
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

    pub(crate) fn all(&self) -> Vec<Arc<RunningTurn>> {
        self.lock().turns.values().cloned().collect()
    }

    /// Stops every turn because the process ends, from now on. Returns how many run.
    pub(crate) fn cut(&self) -> usize {
        let mut table = self.lock();
        table.cut = true;
        for turn in table.turns.values() {
            turn.stop(Stop::Draining);
        }
        table.turns.len()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
