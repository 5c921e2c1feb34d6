//! Group commits: what all running turns of this process have to say goes to the store in one transaction.
//!
//! The store is at most one interval behind the stream, or one threshold of bytes. Each flush also renews the
//! leases of its turns; turns without news are renewed each third of a lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use causerie_domain::InstanceId;
use causerie_domain::ports::{LeaseStatus, StoreError, TurnLedger};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::running::{FlushPiece, RunningTurn, RunningTurns, Stop};
use crate::core::clock::monotonic;
use crate::core::settings::Settings;

/// How many turns are flushed in one transaction at most. Many small ones renew some leases while the store is slow;
/// a large one that comes too late renews none.
const BATCH: usize = 64;

/// When to flush.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// For how long a turn is its owner's without renewal.
    pub(crate) lease: Duration,
    /// How far the store may be behind.
    pub(crate) interval: Duration,
    /// Bytes of waiting text that are flushed at once.
    pub(crate) bytes: usize,
}

impl From<&Settings> for Pace {
    fn from(settings: &Settings) -> Self {
        Pace { lease: settings.lease, interval: settings.flush_interval, bytes: settings.flush_bytes }
    }
}

/// Flushes the running turns of one instance.
#[derive(Debug)]
pub(crate) struct Flusher {
    ledger: Arc<dyn TurnLedger>,
    turns: Arc<RunningTurns>,
    owner: InstanceId,
    pace: Pace,
    waiting_bytes: AtomicUsize,
    news: Notify,
    full: Notify,
    /// Whether the last flush failed: an outage is told when it begins and when it ends.
    failing: AtomicBool,
}

impl Flusher {
    pub(crate) fn new(
        ledger: Arc<dyn TurnLedger>,
        turns: Arc<RunningTurns>,
        owner: InstanceId,
        pace: Pace,
    ) -> Self {
        Flusher {
            ledger,
            turns,
            owner,
            pace,
            waiting_bytes: AtomicUsize::new(0),
            news: Notify::new(),
            full: Notify::new(),
            failing: AtomicBool::new(false),
        }
    }

    /// Notes that a running turn has news, of so many bytes of text.
    pub(crate) fn note(&self, bytes: usize) {
        let waiting = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.news.notify_one();
        if waiting >= self.pace.bytes {
            self.full.notify_one();
        }
    }

    /// Flushes until it is told to end.
    pub(crate) async fn run(&self, end: CancellationToken) {
        let mut renewals = tokio::time::interval(self.pace.lease / 3);
        renewals.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let renew = tokio::select! {
                () = end.cancelled() => return,
                _ = renewals.tick() => true,
                () = self.news.notified() => {
                    tokio::select! {
                        () = tokio::time::sleep(self.pace.interval) => {}
                        () = self.full.notified() => {}
                    }
                    false
                }
            };
            self.flush(renew).await;
        }
    }

    async fn flush(&self, renew: bool) {
        self.waiting_bytes.store(0, Ordering::Relaxed);
        let mut turns = self.turns.all();
        // Those first whose leases end first: if the store is slow, they need it most.
        turns.sort_by_key(|turn| turn.renewed_at());
        for batch in turns.chunks(BATCH) {
            let pieces = batch.iter().map(|turn| turn.flush_piece());
            let pieces: Vec<FlushPiece> = pieces.filter(|piece| renew || piece.has_news()).collect();
            if pieces.is_empty() {
                continue;
            }
            if let Err(error) = self.store(pieces).await {
                self.news.notify_one();
                turns.iter().for_each(|turn| self.stop_if_late(turn, &error));
                if let StoreError::Unavailable(_) = error {
                    self.note_outage(&error);
                    return;
                }
            }
        }
    }

    /// Stores news of some turns, or puts them back where the store is away.
    async fn store(&self, pieces: Vec<FlushPiece>) -> Result<(), StoreError> {
        let begun_at = monotonic();
        let flushes = pieces.iter().map(|piece| piece.flush.clone()).collect();
        let flushed = self.ledger.flush(self.owner, self.pace.lease, flushes);
        // A store that is silent must leave time for a second try before the leases are in danger.
        let error = match tokio::time::timeout(self.pace.lease / 6, flushed).await {
            Ok(Ok(holds)) => {
                self.note_recovery();
                for (piece, hold) in pieces.into_iter().zip(holds) {
                    settle(piece, hold, begun_at);
                }
                return Ok(());
            }
            // One turn's bad value must not cost the others their leases.
            Ok(Err(StoreError::Corrupt { .. })) if pieces.len() > 1 => {
                let mut stored = Ok(());
                for piece in pieces {
                    stored = stored.and(Box::pin(self.store(vec![piece])).await);
                }
                return stored;
            }
            Ok(Err(error)) => error,
            Err(late) => StoreError::Unavailable(late.into()),
        };
        pieces.into_iter().for_each(FlushPiece::failed);
        Err(error)
    }

    /// A turn whose lease could not be renewed for two thirds of it stops, before somebody else takes it.
    fn stop_if_late(&self, turn: &RunningTurn, error: &StoreError) {
        if turn.renewed_at().elapsed() >= self.pace.lease * 2 / 3 && turn.stop(Stop::Lost) {
            tracing::warn!(turn = %turn.id(), %error, "lease could not be renewed, the turn stops");
        }
    }

    fn note_outage(&self, error: &StoreError) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "running turns cannot be flushed, will be tried until it succeeds");
        }
    }

    fn note_recovery(&self) {
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("running turns are flushed again");
        }
    }
}

fn settle(piece: FlushPiece, hold: LeaseStatus, begun_at: Instant) {
    match hold {
        LeaseStatus::Held { cancel_requested, .. } => {
            if cancel_requested {
                piece.turn.stop(Stop::Cancelled);
            }
            piece.succeeded(begun_at);
        }
        // Also the answer for a turn that ended while it was flushed; nobody listens to its signal then.
        LeaseStatus::Lost { .. } => {
            piece.turn.stop(Stop::Lost);
        }
    }
}
