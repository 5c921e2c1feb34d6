//! Flushes text and progress of all running turns of this process to the store, in group commits.
//!
//! A flush starts when an interval has passed or enough bytes are waiting. It also renews the leases of its turns;
//! turns without changes are renewed at each third of a lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use causerie_domain::InstanceId;
use causerie_domain::ports::{LeaseStatus, StoreError, TurnStore};
use causerie_fair_share::on_behalf_of;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::running::{PendingFlush, RunningTurn, RunningTurns, Stop};
use crate::core::clock::monotonic;
use crate::core::settings::Settings;

/// Maximum number of turns in one transaction. If the store is slow, small transactions renew some leases; a large
/// one that is too late renews none.
const MAX_BATCH_TURNS: usize = 64;

/// Maximum size of the text in one transaction, in bytes, except for the last text of a batch and for a file, which has a
/// transaction of its own if it is larger.
const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// Settings of the flusher.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlushSettings {
    /// Duration of the lease of a turn without renewal.
    pub(crate) lease: Duration,
    /// Maximum time that text waits for a flush.
    pub(crate) interval: Duration,
    /// Number of waiting bytes that starts a flush before the interval has passed.
    pub(crate) bytes: usize,
}

impl From<&Settings> for FlushSettings {
    fn from(settings: &Settings) -> Self {
        FlushSettings {
            lease: settings.lease,
            interval: settings.flush_interval,
            bytes: settings.flush_bytes,
        }
    }
}

/// Flushes the running turns of one instance.
#[derive(Debug)]
pub(crate) struct Flusher {
    turn_store: Arc<dyn TurnStore>,
    turns: Arc<RunningTurns>,
    owner: InstanceId,
    settings: FlushSettings,
    waiting_bytes: AtomicUsize,
    changed: Notify,
    threshold_reached: Notify,
    /// Whether the last flush failed. An outage is logged at its start and its end.
    is_failing: AtomicBool,
}

impl Flusher {
    pub(crate) fn new(
        turn_store: Arc<dyn TurnStore>,
        turns: Arc<RunningTurns>,
        owner: InstanceId,
        settings: FlushSettings,
    ) -> Self {
        Flusher {
            turn_store,
            turns,
            owner,
            settings,
            waiting_bytes: AtomicUsize::new(0),
            changed: Notify::new(),
            threshold_reached: Notify::new(),
            is_failing: AtomicBool::new(false),
        }
    }

    /// Schedules a flush after a running turn has changed. `bytes` is the size of its new text.
    pub(crate) fn notify(&self, bytes: usize) {
        let waiting = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.changed.notify_one();
        if waiting >= self.settings.bytes {
            self.threshold_reached.notify_one();
        }
    }

    /// Flushes until the token is cancelled.
    pub(crate) async fn run(self: Arc<Self>, end: CancellationToken) {
        let mut renewals = tokio::time::interval(self.settings.lease / 3);
        renewals.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let large = TaskTracker::new();
        loop {
            let renew = tokio::select! {
                () = end.cancelled() => break,
                _ = renewals.tick() => true,
                () = self.changed.notified() => {
                    tokio::select! {
                        () = tokio::time::sleep(self.settings.interval) => {}
                        () = self.threshold_reached.notified() => {}
                    }
                    false
                }
            };
            self.flush(renew, &large).await;
        }
        large.close();
        large.wait().await;
    }

    /// Flushes all running turns. Those with a large file are flushed by a task of their own: the writes of other turns do
    /// not wait for them.
    async fn flush(self: &Arc<Self>, renew: bool, large: &TaskTracker) {
        self.waiting_bytes.store(0, Ordering::Relaxed);
        let mut turns = self.turns.all();
        // If the store is slow, the leases that expire first are renewed first.
        turns.sort_by_key(|turn| turn.renewed_at());
        let mut rest = turns.as_slice();
        while !rest.is_empty() {
            let batch = take_batch(&mut rest, renew, |flush| {
                let flusher = Arc::clone(self);
                large.spawn(on_behalf_of(flush.turn.requester, flusher.store_large(flush)));
            });
            if batch.is_empty() {
                continue;
            }
            if let Err(error) = self.store(batch).await {
                self.changed.notify_one();
                turns.iter().for_each(|turn| self.stop_if_lease_expires_soon(turn, &error));
                if let StoreError::Unavailable(_) = error {
                    self.log_outage(&error);
                    return;
                }
            }
        }
    }

    /// Stores a large file of a turn. If that fails, the next flush tries again.
    async fn store_large(self: Arc<Self>, flush: PendingFlush) {
        let turn = Arc::clone(&flush.turn);
        if let Err(error) = self.store(vec![flush]).await {
            // An outage also fails the other flushes, which log it.
            tracing::debug!(turn = %turn.id(), %error, "flushing a large file failed; retrying");
            self.stop_if_lease_expires_soon(&turn, &error);
            self.changed.notify_one();
        }
    }

    /// Stores the changes of some turns, or returns them to their turns if the store fails.
    async fn store(&self, flushes: Vec<PendingFlush>) -> Result<(), StoreError> {
        let started_at = monotonic();
        let requests = flushes.iter().map(|flush| flush.request.clone()).collect();
        let flushed = self.turn_store.flush(self.owner, self.settings.lease, requests);
        // The timeout leaves time for a second try before the leases expire.
        let error = match tokio::time::timeout(self.settings.lease / 6, flushed).await {
            Ok(Ok(leases)) => {
                self.log_recovery();
                for (flush, lease) in flushes.into_iter().zip(leases) {
                    if complete(flush, lease, started_at) {
                        self.changed.notify_one();
                    }
                }
                return Ok(());
            }
            // An invalid value of one turn must not prevent the renewal of the other leases.
            Ok(Err(StoreError::Corrupt { .. })) if flushes.len() > 1 => {
                let mut stored = Ok(());
                for flush in flushes {
                    stored = stored.and(Box::pin(self.store(vec![flush])).await);
                }
                return stored;
            }
            Ok(Err(error)) => error,
            Err(elapsed) => StoreError::Unavailable(elapsed.into()),
        };
        flushes.into_iter().for_each(PendingFlush::fail);
        Err(error)
    }

    /// Stops a turn whose lease was not renewed for two thirds of its duration, before another instance closes it.
    fn stop_if_lease_expires_soon(&self, turn: &RunningTurn, error: &StoreError) {
        if turn.renewed_at().elapsed() >= self.settings.lease * 2 / 3 && turn.stop(Stop::Lost) {
            tracing::warn!(turn = %turn.id(), %error, "renewing the lease failed; stopping the turn");
        }
    }

    fn log_outage(&self, error: &StoreError) {
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "flushing turn logs failed; retrying");
        }
    }

    fn log_recovery(&self) {
        if self.is_failing.swap(false, Ordering::Relaxed) {
            tracing::info!("flushing turn logs succeeds again");
        }
    }
}

/// Takes the flushes of one transaction from the turns. A flush that exceeds the size of a transaction is passed to
/// `large`.
fn take_batch(
    turns: &mut &[Arc<RunningTurn>],
    renew: bool,
    large: impl Fn(PendingFlush),
) -> Vec<PendingFlush> {
    let mut batch = Vec::new();
    let mut left = MAX_BATCH_BYTES;
    while batch.len() < MAX_BATCH_TURNS
        && left > 0
        && let Some((turn, rest)) = turns.split_first()
    {
        *turns = rest;
        let flush = turn.pending_flush(MAX_BATCH_BYTES);
        let bytes = flush.bytes();
        if bytes > MAX_BATCH_BYTES {
            large(flush);
        } else if renew || flush.has_changes() {
            left = left.saturating_sub(bytes);
            batch.push(flush);
        }
    }
    batch
}

/// Ends a flush. Returns whether more text of the turn waits.
fn complete(flush: PendingFlush, lease: LeaseStatus, started_at: Instant) -> bool {
    match lease {
        LeaseStatus::Held { cancel_requested, .. } => {
            if cancel_requested {
                flush.turn.stop(Stop::Cancelled);
            }
            flush.succeed(started_at)
        }
        // Also returned for a turn that ended during the flush. Its task no longer waits for the signal.
        LeaseStatus::Lost { .. } => {
            flush.turn.stop(Stop::Lost);
            false
        }
    }
}
