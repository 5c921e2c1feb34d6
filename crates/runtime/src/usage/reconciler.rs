//! The reconciler: learns afterwards what requests cost that did not say so, until every row is settled.
//!
//! Two loops share one task. The first needs nobody: it prices rows whose process is gone, and makes final what stood
//! in for a cost whose time for look-ups is over. The second asks the upstream for generation records, a bounded number
//! a minute. Nothing is kept in memory but the pace, so a restart goes on where the store stands; a claim that a dead
//! process has left runs out.

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
    CharsPerToken, EstimatedTokens, PendingRequest, RequestEnd, give_up, next_lookup, settle,
    settle_looked_up,
};
use tokio_util::sync::CancellationToken;

use crate::core::clock::monotonic;
use crate::core::settings::Settings;
use crate::usage::estimates::{FIRST_LOOKUP, estimated_output};

/// How many rows are read at once.
const ROWS_AT_ONCE: u32 = 100;
/// A record that is not told within this time is asked for another time.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a claimed row is left to its claimer: longer than a look-up, so that two never ask for one row at once.
const CLAIM: Duration = Duration::from_secs(30);
/// The last look-up falls on the end of the window. Who is this much later was kept from it, and is not asked for.
const OVERDUE_AFTER: Duration = Duration::from_secs(60);
/// The first pause after an upstream that is away; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause on the upstream's word; a daily limit may well be lifted before its day is over.
const LONGEST_NAMED_PAUSE: Duration = Duration::from_secs(60 * 60);

/// How often the reconciler works.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LookupPace {
    /// Between two look-ups of this process.
    pub(crate) gap: Duration,
    /// For how long after its end a request is looked up.
    pub(crate) window: Duration,
    /// Between two searches for work.
    pub(crate) interval: Duration,
}

impl From<&Settings> for LookupPace {
    fn from(settings: &Settings) -> Self {
        LookupPace {
            gap: Duration::from_secs(60) / settings.lookups_per_minute.max(1),
            window: settings.lookup_window,
            interval: settings.reconcile_interval,
        }
    }
}

/// Settles what is pending.
#[derive(Debug)]
pub(crate) struct Reconciler {
    store: Arc<dyn Reconciliation>,
    gateway: Arc<dyn CompletionGateway>,
    clock: Arc<dyn Clock>,
    pace: LookupPace,
}

/// What a look-up means for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing was due.
    Idle,
    /// The upstream answers.
    GoOn,
    /// The upstream is away, or limits us: for so long, where it says so.
    Pause(Option<Duration>),
}

impl Reconciler {
    pub(crate) fn new(
        store: Arc<dyn Reconciliation>,
        gateway: Arc<dyn CompletionGateway>,
        clock: Arc<dyn Clock>,
        pace: LookupPace,
    ) -> Self {
        Reconciler { store, gateway, clock, pace }
    }

    /// Reconciles until it is told to end. The row of a look-up under way is given back.
    pub(crate) async fn run(&self, end: CancellationToken) {
        tokio::join!(end.run_until_cancelled(self.keep_accounting()), self.keep_looking_up(&end));
    }

    /// Prices every row that was closed for a process that is gone.
    pub(crate) async fn account_all(&self) -> Result<(), StoreError> {
        loop {
            let rows = self.store.unpriced(ROWS_AT_ONCE).await?;
            let mut settled = 0;
            for row in &rows {
                let accounted = self.store.price(self.account_of(row)).await;
                settled += u32::from(passed(row.usage.id, accounted)?);
            }
            if rows.len() < ROWS_AT_ONCE as usize || settled == 0 {
                return Ok(());
            }
        }
    }

    async fn keep_accounting(&self) {
        loop {
            if let Err(error) = self.settle_without_asking().await {
                tracing::warn!(%error, "pending costs could not be settled, will be tried again");
            }
            tokio::time::sleep(self.pace.interval).await;
        }
    }

    async fn keep_looking_up(&self, end: &CancellationToken) {
        let mut pause = FIRST_PAUSE;
        while !end.is_cancelled() {
            let begun_at = monotonic();
            let wait = match self.look_up_next(end).await {
                Ok(Next::Idle) => self.pace.interval.max(self.pace.gap),
                Ok(Next::GoOn) => {
                    pause = FIRST_PAUSE;
                    self.pace.gap.saturating_sub(begun_at.elapsed())
                }
                Ok(Next::Pause(named)) => {
                    let wait = named.map_or(pause, |named| named.min(LONGEST_NAMED_PAUSE)).max(self.pace.gap);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    wait
                }
                Err(error) => {
                    tracing::warn!(%error, "no cost can be looked up, will be tried again");
                    self.pace.interval.max(self.pace.gap)
                }
            };
            end.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
    }

    async fn settle_without_asking(&self) -> Result<(), StoreError> {
        self.account_all().await?;
        loop {
            let now = self.clock.now();
            let closed_before = now.before(self.pace.window + OVERDUE_AFTER);
            let overdue = ExpiredLookupsQuery { now, closed_before, limit: ROWS_AT_ONCE };
            let rows = self.store.expired_lookups(overdue).await?;
            let mut settled = 0;
            for row in &rows {
                settled += u32::from(passed(row.id, self.give_up(row).await)?);
            }
            if rows.len() < ROWS_AT_ONCE as usize || settled == 0 {
                return Ok(());
            }
        }
    }

    /// What a request cost whose process is gone: the flushed text and what was sent, at the prices of its row.
    fn account_of(&self, row: &UnpricedUsage) -> PriceUsage {
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
        let next_lookup_at = settled.lookup_due.then(|| self.clock.now() + FIRST_LOOKUP);
        PriceUsage { id: usage.id, tokens: settled.tokens, settlement: settled.settlement, next_lookup_at }
    }

    /// Looks up the row that is due the longest.
    async fn look_up_next(&self, end: &CancellationToken) -> Result<Next, StoreError> {
        let now = self.clock.now();
        let until = now + CLAIM;
        let Some(row) = self.store.claim_lookup(ClaimLookup { now, until }).await? else {
            return Ok(Next::Idle);
        };
        let Some(generation_id) = row.generation_id.as_deref() else {
            self.give_up(&row).await?;
            return Ok(Next::GoOn);
        };
        let lookup = tokio::time::timeout(LOOKUP_TIMEOUT, self.gateway.generation(generation_id));
        let Some(answer) = end.run_until_cancelled(lookup).await else {
            self.postpone(&row, until, now, row.lookups).await?;
            return Ok(Next::Idle);
        };
        let error = match answer {
            Ok(Ok(Some(record))) => {
                self.conclude(&row, until, record).await?;
                return Ok(Next::GoOn);
            }
            Ok(Ok(None)) => {
                self.try_later(&row, until).await?;
                return Ok(Next::GoOn);
            }
            Ok(Err(error)) => error,
            Err(_) => CompletionError::new(CompletionErrorKind::Unavailable, "no record within the time"),
        };
        tracing::warn!(usage = %row.id, kind = ?error.kind, status = error.status, "a cost could not be looked up");
        let next = pause_after(&error);
        match next {
            // Who is told when to come back has not been answered at all.
            Next::Pause(Some(wait)) => {
                self.postpone(&row, until, self.clock.now() + wait, row.lookups).await?
            }
            _ => self.try_later(&row, until).await?,
        }
        Ok(next)
    }

    async fn conclude(
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
        // A record without a cost is not whole yet.
        let Some(settled) = settle_looked_up(&pending, &record.usage) else {
            return self.try_later(row, claimed_until).await;
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

    /// Gives the row back for a later look-up; where none is left, what stood in for its cost is final.
    async fn try_later(&self, row: &PendingUsage, claimed_until: Timestamp) -> Result<(), StoreError> {
        let lookups = row.lookups.saturating_add(1);
        match next_lookup(row.closed_at, self.clock.now(), lookups, self.pace.window) {
            Some(at) => self.postpone(row, claimed_until, at, lookups).await,
            None => self.give_up(row).await,
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

    async fn give_up(&self, row: &PendingUsage) -> Result<(), StoreError> {
        let settlement = give_up(&row.settlement);
        if settlement.basis == CostBasis::Unknown {
            tracing::warn!(usage = %row.id, "the cost of a request cannot be known");
        }
        let settle =
            SettleUsage { id: row.id, tokens: row.tokens, settlement, model_served: None, provider: None };
        self.store.settle_usage(settle).await?;
        Ok(())
    }
}

/// Whether a row was settled. One that the store cannot take is told in the log, and keeps no other waiting; a store
/// that is away is no fault of the row.
fn passed<T>(id: UsageId, settled: Result<T, StoreError>) -> Result<bool, StoreError> {
    match settled {
        Ok(_) => Ok(true),
        Err(error @ StoreError::Corrupt { .. }) => {
            tracing::error!(usage = %id, %error, "a ledger row cannot be settled");
            Ok(false)
        }
        Err(away) => Err(away),
    }
}

/// Whether a failure says something about the upstream, or only about the one row.
fn pause_after(error: &CompletionError) -> Next {
    match error.kind {
        CompletionErrorKind::InvalidRequest | CompletionErrorKind::InvalidResponse => Next::GoOn,
        _ => Next::Pause(error.retry_after),
    }
}
