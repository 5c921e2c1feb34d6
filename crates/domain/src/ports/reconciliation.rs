//! The port that learns afterwards what requests cost.

use std::fmt::Debug;

use crate::message::Part;
use crate::ports::StoreError;
use crate::usage::{PendingUsage, Settlement, TokenCounts};
use crate::{Timestamp, UsageId};

/// A row that was closed for a process that is gone, and that nobody has priced yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnaccountedUsage {
    /// The row, without tokens and cost.
    pub usage: PendingUsage,
    /// What was flushed of the answer.
    pub parts: Vec<Part>,
}

/// The price of an unaccounted row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountUsage {
    /// The row.
    pub id: UsageId,
    /// The tokens.
    pub tokens: TokenCounts,
    /// The money; where its basis is pending, its cost stands in.
    pub settlement: Settlement,
    /// When the generation record is to be read first; exactly where the basis is pending.
    pub next_lookup_at: Option<Timestamp>,
}

/// Pending rows whose time for look-ups is over, though nobody came to ask for them at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverdueUsage {
    /// The instant it is: rows that somebody has claimed beyond it are left to them.
    pub now: Timestamp,
    /// Only rows that were closed before this.
    pub closed_before: Timestamp,
    /// How many at most.
    pub limit: u32,
}

/// The wish for a row to look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimLookup {
    /// The instant it is.
    pub now: Timestamp,
    /// Until when the row is the claimer's; afterwards anybody may claim it again.
    pub until: Timestamp,
}

/// The final cost of a pending row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleUsage {
    /// The row.
    pub id: UsageId,
    /// The tokens.
    pub tokens: TokenCounts,
    /// The money; its basis is not pending.
    pub settlement: Settlement,
    /// The model that served, where the row does not know it.
    pub model_served: Option<String>,
    /// The provider that served, where the row does not know it.
    pub provider: Option<String>,
}

/// A fruitless look-up of a claimed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostponeLookup {
    /// The row.
    pub id: UsageId,
    /// The claim under which it was looked up.
    pub claimed_until: Timestamp,
    /// When to look it up next.
    pub next_lookup_at: Timestamp,
    /// How many look-ups were fruitless by now.
    pub lookups: u32,
}

/// Learns what pending rows cost. Any number of instances share the work without a leader: a row to look up is
/// claimed by moving its due time, and everything else has the same result whoever does it first.
#[async_trait::async_trait]
pub trait Reconciliation: Send + Sync + Debug {
    /// Rows that were closed for a process that is gone, in the order in which they were opened.
    async fn unaccounted(&self, limit: u32) -> Result<Vec<UnaccountedUsage>, StoreError>;

    /// Prices an unaccounted row. `false` if somebody else has done so: then nothing changes.
    async fn account(&self, account: AccountUsage) -> Result<bool, StoreError>;

    /// Rows that were looked up in vain and whose time is over.
    async fn overdue(&self, overdue: OverdueUsage) -> Result<Vec<PendingUsage>, StoreError>;

    /// Claims the row that is due the longest; none where none is due.
    async fn claim_lookup(&self, claim: ClaimLookup) -> Result<Option<PendingUsage>, StoreError>;

    /// Settles a pending row, once. `false` if it is settled already: then nothing changes.
    async fn settle_usage(&self, settle: SettleUsage) -> Result<bool, StoreError>;

    /// Gives a claimed row back to be looked up later. One whose claim has passed to somebody else is left alone.
    async fn postpone_lookup(&self, postpone: PostponeLookup) -> Result<(), StoreError>;
}
