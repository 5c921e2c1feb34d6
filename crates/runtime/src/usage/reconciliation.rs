//! Reconciler: settles usage rows whose cost the upstream did not report in the stream.
//!
//! Two loops share one task. The first one works without the upstream: it prices rows of processes that have ended,
//! and makes estimates final when the period for look-ups is over. The second one reads generation records of the
//! upstream, with a limit per minute, for groups and users in turn. All other state is in the store, so a restarted process continues; claims of an
//! ended process expire.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::completion::{CompletionError, CompletionErrorKind, GenerationRecord};
use causerie_domain::ports::{
    ClaimLookup, Clock, CompletionGateway, ExpiredLookupsQuery, PostponeLookup, PriceUsage, Reconciliation,
    SettleUsage, StoreError, UnpricedUsage,
};
use causerie_domain::usage::{CostBasis, PendingUsage};
use causerie_domain::{Timestamp, UsageId};
use causerie_usage::{
    CharsPerToken, EstimatedTokens, PendingRequest, RequestEnd, next_lookup, settle, settle_looked_up,
    settle_without_record,
};
use tokio_util::sync::CancellationToken;

use crate::core::clock::monotonic;
use crate::core::settings::Settings;
use crate::usage::estimates::{FIRST_LOOKUP_DELAY, estimated_output};
use crate::usage::lookup_rotation::LookupRotation;

/// Number of rows in one read.
const BATCH_ROWS: u32 = 100;
/// Timeout of a look-up, which is repeated later.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(20);
/// Duration of a claim. It is longer than a look-up, so that no two processes look up the same row at the same time.
const CLAIM: Duration = Duration::from_secs(30);
/// Time after the look-up period at which a row is settled without a look-up. The last look-up is due at the end of
/// the period.
const OVERDUE_AFTER: Duration = Duration::from_secs(60);
/// First pause if the upstream is unavailable; it doubles up to [`MAX_PAUSE`].
const INITIAL_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Maximum pause that the upstream can request: a daily limit may be raised during the day.
const MAX_REQUESTED_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Settings of the reconciler.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReconcilerSettings {
    /// Minimum time between two look-ups of this process.
    pub(crate) lookup_interval: Duration,
    /// Period after the end of a request in which it is looked up.
    pub(crate) lookup_window: Duration,
    /// Time between two queries for rows to settle.
    pub(crate) poll_interval: Duration,
}

impl From<&Settings> for ReconcilerSettings {
    fn from(settings: &Settings) -> Self {
        ReconcilerSettings {
            lookup_interval: Duration::from_secs(60) / settings.lookups_per_minute.max(1),
            lookup_window: settings.lookup_window,
            poll_interval: settings.reconcile_interval,
        }
    }
}

/// Settles pending usage rows.
#[derive(Debug)]
pub(crate) struct Reconciler {
    store: Arc<dyn Reconciliation>,
    gateway: Arc<dyn CompletionGateway>,
    clock: Arc<dyn Clock>,
    settings: ReconcilerSettings,
}

/// Result of a look-up, which decides when the next one starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LookupStatus {
    /// No row was due.
    Idle,
    /// The upstream responded.
    Responded,
    /// The upstream is unavailable or limits the rate, with the pause that it requested.
    Unavailable(Option<Duration>),
}

impl Reconciler {
    pub(crate) fn new(
        store: Arc<dyn Reconciliation>,
        gateway: Arc<dyn CompletionGateway>,
        clock: Arc<dyn Clock>,
        settings: ReconcilerSettings,
    ) -> Self {
        Reconciler { store, gateway, clock, settings }
    }

    /// Settles rows until the token is cancelled. A row whose look-up is in progress is then released.
    pub(crate) async fn run(&self, end: CancellationToken) {
        tokio::join!(end.run_until_cancelled(self.settle_periodically()), self.look_up_periodically(&end));
    }

    /// Prices all rows of processes that have ended.
    pub(crate) async fn price_all(&self) -> Result<(), StoreError> {
        loop {
            let rows = self.store.unpriced(BATCH_ROWS).await?;
            let mut settled = 0;
            for row in &rows {
                let result = self.store.price(self.estimate(row)).await;
                settled += u32::from(is_settled(row.usage.id, result)?);
            }
            if rows.len() < BATCH_ROWS as usize || settled == 0 {
                return Ok(());
            }
        }
    }

    async fn settle_periodically(&self) {
        loop {
            if let Err(error) = self.settle_without_lookup().await {
                tracing::warn!(%error, "settling pending usage failed; retrying");
            }
            tokio::time::sleep(self.settings.poll_interval).await;
        }
    }

    async fn look_up_periodically(&self, end: &CancellationToken) {
        let ReconcilerSettings { lookup_interval, poll_interval, .. } = self.settings;
        let mut pause = INITIAL_PAUSE;
        let mut rotation = LookupRotation::default();
        while !end.is_cancelled() {
            let started_at = monotonic();
            let wait = match self.look_up_next(&mut rotation, end).await {
                Ok(LookupStatus::Idle) => poll_interval.max(lookup_interval),
                Ok(LookupStatus::Responded) => {
                    pause = INITIAL_PAUSE;
                    lookup_interval.saturating_sub(started_at.elapsed())
                }
                Ok(LookupStatus::Unavailable(requested)) => {
                    let wait = requested.map_or(pause, |requested| requested.min(MAX_REQUESTED_PAUSE));
                    pause = (pause * 2).min(MAX_PAUSE);
                    wait.max(lookup_interval)
                }
                Err(error) => {
                    tracing::warn!(%error, "looking up pending usage failed; retrying");
                    poll_interval.max(lookup_interval)
                }
            };
            end.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
    }

    async fn settle_without_lookup(&self) -> Result<(), StoreError> {
        self.price_all().await?;
        loop {
            let now = self.clock.now();
            let closed_before = now.before(self.settings.lookup_window + OVERDUE_AFTER);
            let query = ExpiredLookupsQuery { now, closed_before, limit: BATCH_ROWS };
            let rows = self.store.expired_lookups(query).await?;
            let mut settled = 0;
            for row in &rows {
                settled += u32::from(is_settled(row.id, self.settle_without_record(row).await)?);
            }
            if rows.len() < BATCH_ROWS as usize || settled == 0 {
                return Ok(());
            }
        }
    }

    /// Returns the estimated usage of a request whose process has ended: its input and the flushed text, at the
    /// prices of its row.
    fn estimate(&self, row: &UnpricedUsage) -> PriceUsage {
        let usage = &row.usage;
        let settled = settle(&RequestEnd {
            outcome: usage.outcome,
            refused: false,
            reported: None,
            generation_known: usage.generation_id.is_some(),
            estimated: EstimatedTokens {
                input: usage.estimated_input_tokens,
                output: estimated_output(&row.parts, CharsPerToken::start_of(&usage.model)),
            },
            prices: usage.prices.as_ref(),
            sent_at: usage.created_at,
        });
        let next_lookup_at = settled.lookup_due.then(|| self.clock.now() + FIRST_LOOKUP_DELAY);
        PriceUsage { id: usage.id, tokens: settled.tokens, settlement: settled.settlement, next_lookup_at }
    }

    /// Claims the row with the earliest due time of the users whose turn it is.
    async fn claim(
        &self,
        rotation: &mut LookupRotation,
        now: Timestamp,
    ) -> Result<Option<PendingUsage>, StoreError> {
        for (step, served) in rotation.search() {
            let claim = ClaimLookup { now, until: now + CLAIM, served };
            if let Some(row) = self.store.claim_lookup(claim).await? {
                rotation.record(step, &row);
                return Ok(Some(row));
            }
        }
        *rotation = LookupRotation::default();
        Ok(None)
    }

    /// Looks up the next row.
    async fn look_up_next(
        &self,
        rotation: &mut LookupRotation,
        end: &CancellationToken,
    ) -> Result<LookupStatus, StoreError> {
        let now = self.clock.now();
        let until = now + CLAIM;
        let Some(row) = self.claim(rotation, now).await? else { return Ok(LookupStatus::Idle) };
        let Some(generation_id) = row.generation_id.as_deref() else {
            self.settle_without_record(&row).await?;
            return Ok(LookupStatus::Responded);
        };
        let lookup = tokio::time::timeout(LOOKUP_TIMEOUT, self.gateway.generation(generation_id));
        let Some(response) = end.run_until_cancelled(lookup).await else {
            self.postpone(&row, until, now, row.lookups).await?;
            return Ok(LookupStatus::Idle);
        };
        let error = match response {
            Ok(Ok(Some(record))) => {
                self.settle_with(&row, until, record).await?;
                return Ok(LookupStatus::Responded);
            }
            Ok(Ok(None)) => {
                self.retry_later(&row, until).await?;
                return Ok(LookupStatus::Responded);
            }
            Ok(Err(error)) => error,
            Err(_) => CompletionError::new(CompletionErrorKind::Unavailable, "no record within the time"),
        };
        let (kind, status) = (&error.kind, error.status);
        tracing::warn!(usage = %row.id, ?kind, status, "looking up a cost failed; retrying later");
        let status = status_after(&error);
        match status {
            // A request that the upstream postponed does not count as a look-up.
            LookupStatus::Unavailable(Some(wait)) => {
                self.postpone(&row, until, self.clock.now() + wait, row.lookups).await?
            }
            _ => self.retry_later(&row, until).await?,
        }
        Ok(status)
    }

    async fn settle_with(
        &self,
        row: &PendingUsage,
        claimed_until: Timestamp,
        record: GenerationRecord,
    ) -> Result<(), StoreError> {
        let pending = PendingRequest {
            tokens: row.tokens,
            settlement: row.settlement,
            prices: row.prices.as_ref(),
            sent_at: row.created_at,
        };
        // A record without a cost is incomplete.
        let Some(settled) = settle_looked_up(&pending, &record.usage) else {
            return self.retry_later(row, claimed_until).await;
        };
        let settle = SettleUsage {
            id: row.id,
            tokens: settled.tokens,
            settlement: settled.settlement,
            model_served: record.model,
            provider: record.provider,
        };
        self.store.settle_usage(settle).await?;
        Ok(())
    }

    /// Releases the row for a later look-up, or makes its estimate final if the period for look-ups is over.
    async fn retry_later(&self, row: &PendingUsage, claimed_until: Timestamp) -> Result<(), StoreError> {
        let lookups = row.lookups.saturating_add(1);
        match next_lookup(row.closed_at, self.clock.now(), lookups, self.settings.lookup_window) {
            Some(at) => self.postpone(row, claimed_until, at, lookups).await,
            None => self.settle_without_record(row).await,
        }
    }

    async fn postpone(
        &self,
        row: &PendingUsage,
        claimed_until: Timestamp,
        next_lookup_at: Timestamp,
        lookups: u32,
    ) -> Result<(), StoreError> {
        let postpone = PostponeLookup { id: row.id, claimed_until, next_lookup_at, lookups };
        self.store.postpone_lookup(postpone).await
    }

    /// Settles the row with its estimate, or as unknown if it has none.
    async fn settle_without_record(&self, row: &PendingUsage) -> Result<(), StoreError> {
        let settlement = settle_without_record(&row.settlement);
        if settlement.basis == CostBasis::Unknown {
            tracing::warn!(usage = %row.id, "the cost of a request remains unknown");
        }
        let settle =
            SettleUsage { id: row.id, tokens: row.tokens, settlement, model_served: None, provider: None };
        self.store.settle_usage(settle).await?;
        Ok(())
    }
}

/// Returns whether a row was settled. Logs a row that the store refuses, so that other rows are settled nevertheless.
///
/// # Errors
/// [`StoreError`] if the store is unavailable.
fn is_settled<T>(id: UsageId, settled: Result<T, StoreError>) -> Result<bool, StoreError> {
    match settled {
        Ok(_) => Ok(true),
        Err(error @ StoreError::Corrupt { .. }) => {
            tracing::error!(usage = %id, %error, "settling a usage row failed");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Returns the status after a failed look-up. Invalid requests and responses concern only one row; after all other
/// errors, the look-ups pause.
fn status_after(error: &CompletionError) -> LookupStatus {
    match error.kind {
        CompletionErrorKind::InvalidRequest | CompletionErrorKind::InvalidResponse => LookupStatus::Responded,
        _ => LookupStatus::Unavailable(error.retry_after),
    }
}
