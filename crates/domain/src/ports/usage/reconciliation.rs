//! Port for the reconciliation of usage rows whose cost is not final.

use std::fmt::Debug;

use crate::messages::Part;
use crate::ports::StoreError;
use crate::usage::{PendingUsage, Settlement, TokenCounts};
use crate::{GroupId, Timestamp, UsageId, UserId};

/// A usage row that was closed for a dead process and that has no price yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpricedUsage {
    /// The row, without tokens and cost.
    pub usage: PendingUsage,
    /// Flushed parts of the answer.
    pub parts: Vec<Part>,
}

/// Price of an unpriced row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceUsage {
    pub id: UsageId,
    pub tokens: TokenCounts,
    /// Cost and basis. With a pending basis the cost is provisional.
    pub settlement: Settlement,
    /// Time of the first look-up of the generation record; `Some` if and only if the basis is pending.
    pub next_lookup_at: Option<Timestamp>,
}

/// Selects pending rows whose look-up period has ended and that no instance has claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiredLookupsQuery {
    /// Current time. Rows that are claimed beyond it are left out.
    pub now: Timestamp,
    /// Exclusive upper bound of the time at which the row was closed.
    pub closed_before: Timestamp,
    pub limit: u32,
}

/// Claim of the next row to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimLookup {
    pub now: Timestamp,
    /// End of the claim. Afterwards any instance may claim the row again.
    pub until: Timestamp,
    /// Users and groups whose turn has passed. Their rows are left out.
    pub served: ServedRequesters,
}

/// Users and groups whose rows a claim leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServedRequesters {
    pub users: Vec<UserId>,
    /// Groups; their users are left out, too.
    pub groups: Vec<GroupId>,
}

impl ServedRequesters {
    /// Returns whether the row of a user and a group is left out.
    pub fn contains(&self, user: Option<UserId>, group: Option<GroupId>) -> bool {
        user.is_some_and(|user| self.users.contains(&user))
            || group.is_some_and(|group| self.groups.contains(&group))
    }
}

/// Final cost of a pending row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleUsage {
    pub id: UsageId,
    pub tokens: TokenCounts,
    /// Cost and basis; the basis is not pending.
    pub settlement: Settlement,
    /// Served model; stored if the row has none.
    pub model_served: Option<String>,
    /// Provider; stored if the row has none.
    pub provider: Option<String>,
}

/// Result of a look-up that found no generation record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostponeLookup {
    pub id: UsageId,
    /// Identifies the claim under which the row was looked up.
    pub claimed_until: Timestamp,
    pub next_lookup_at: Timestamp,
    /// Number of look-ups so far that found no record.
    pub lookups: u32,
}

/// Settles the cost of pending rows. Instances share the work without a leader: a row is claimed by a conditional
/// update of its due time, and the other methods have the same result on each instance.
#[async_trait::async_trait]
pub trait Reconciliation: Send + Sync + Debug {
    /// Returns rows that were closed for a dead process, in the order of their creation.
    async fn unpriced(&self, limit: u32) -> Result<Vec<UnpricedUsage>, StoreError>;

    /// Prices an unpriced row. Returns `false` without a change if the row has a price.
    async fn price(&self, price: PriceUsage) -> Result<bool, StoreError>;

    /// Returns pending rows whose look-up period has ended.
    async fn expired_lookups(&self, query: ExpiredLookupsQuery) -> Result<Vec<PendingUsage>, StoreError>;

    /// Claims the row with the earliest due time among those that are not left out; `None` if no such row is due.
    async fn claim_lookup(&self, claim: ClaimLookup) -> Result<Option<PendingUsage>, StoreError>;

    /// Settles a pending row. Returns `false` without a change if the row is settled.
    async fn settle_usage(&self, settle: SettleUsage) -> Result<bool, StoreError>;

    /// Releases a claimed row for a later look-up. A row that another instance has claimed since does not change.
    async fn postpone_lookup(&self, postpone: PostponeLookup) -> Result<(), StoreError>;
}
