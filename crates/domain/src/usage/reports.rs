//! What the ledger's rows come to: sums of them by day, model, tool, user, group and session, and the single rows.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use crate::calendar::Date;
use crate::failure::FailureCode;
use crate::money::write_decimal;

use crate::string_enum::string_enum;
use crate::usage::{CostBasis, TokenCounts, UsageOutcome, UsagePurpose};
use crate::{ApiKeyId, GroupId, MessageId, SessionId, Timestamp, ToolId, TurnId, UsageId, Usd, UserId};

string_enum! {
    /// What rows are summed by.
    Grouping, "grouping", {
        /// The day on which the request was opened, in the report's time zone.
        Day = "day",
        /// The model that was asked for.
        Model = "model",
        /// The tool.
        Tool = "tool",
        /// Whose request it was.
        User = "user",
        /// Whose account it ran on.
        Group = "group",
        /// The conversation.
        Session = "session",
    }
}

/// A sum of amounts. Unlike a single [`Usd`] it has room for as many rows as there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct UsdSum(i128);

/// What the rows of a group have in common: each field is a value only if the rows are summed by it and have one.
///
/// A row whose user, group, tool or session was removed, or that never had one, is in the group without it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct GroupKey {
    /// The day.
    pub day: Option<Date>,
    /// The model.
    pub model: Option<String>,
    /// The tool.
    pub tool: Option<ToolId>,
    /// The user.
    pub user: Option<UserId>,
    /// The group.
    pub group: Option<GroupId>,
    /// The conversation.
    pub session: Option<SessionId>,
}

/// The requests of one basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BasisSum {
    /// How many.
    pub requests: u64,
    /// What they cost together, as far as each has a cost.
    pub cost: UsdSum,
}

/// Sums over rows. They depend neither on the rows' order nor on how they were grouped before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageSums {
    /// Rows.
    pub requests: u64,
    /// Rows for which input or output was not counted; what was counted is in the sums.
    pub requests_without_tokens: u64,
    /// Rows without a cost: unknown ones, open ones, and pending ones that nothing stands in for.
    pub requests_without_cost: u64,
    /// Rows that are still open.
    pub open_requests: u64,
    /// Input tokens.
    pub input_tokens: u128,
    /// Output tokens.
    pub output_tokens: u128,
    /// Input tokens read from a provider's cache.
    pub cached_tokens: u128,
    /// Output tokens spent on reasoning.
    pub reasoning_tokens: u128,
    /// What the rows cost, the provisional cost of pending ones included.
    pub cost: UsdSum,
    /// The same by basis, in the order of [`CostBasis::ALL`].
    pub by_basis: [BasisSum; CostBasis::ALL.len()],
    /// How far the calculation was from the bill.
    pub price_variance: PriceVariance,
}

/// Calculated beside reported costs, over the rows that have both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PriceVariance {
    /// How many rows have both.
    pub requests: u64,
    /// What the upstream said.
    pub reported: UsdSum,
    /// What tokens and prices come to.
    pub calculated: UsdSum,
}

/// Rows with the same key, summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageGroup {
    /// What they have in common.
    pub key: GroupKey,
    /// The tool's slug, if they are summed by tool.
    pub tool_slug: Option<String>,
    /// The sums.
    pub sums: UsageSums,
}

/// A row of the ledger as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord {
    /// The id.
    pub id: UsageId,
    /// When the request was opened.
    pub created_at: Timestamp,
    /// When it ended; none while it is open.
    pub closed_at: Option<Timestamp>,
    /// Whose request it was.
    pub user_id: Option<UserId>,
    /// Whose account it ran on.
    pub group_id: Option<GroupId>,
    /// The tool.
    pub tool_id: Option<ToolId>,
    /// The tool's slug.
    pub tool_slug: Option<String>,
    /// The conversation.
    pub session_id: Option<SessionId>,
    /// The turn.
    pub turn_id: Option<TurnId>,
    /// The answer.
    pub message_id: Option<MessageId>,
    /// The key that asked.
    pub api_key_id: Option<ApiKeyId>,
    /// What it was for.
    pub purpose: UsagePurpose,
    /// Which request of its turn it was, from 1.
    pub attempt: u32,
    /// The model asked for.
    pub model: String,
    /// The model that served.
    pub model_served: Option<String>,
    /// The provider that served.
    pub provider: Option<String>,
    /// The upstream's id of the request.
    pub generation_id: Option<String>,
    /// How it ended.
    pub outcome: Option<UsageOutcome>,
    /// Why it failed.
    pub failure: Option<FailureCode>,
    /// The tokens.
    pub tokens: TokenCounts,
    /// The cost that counts.
    pub cost: Option<Usd>,
    /// How that came to be known.
    pub basis: Option<CostBasis>,
    /// What the upstream reported.
    pub reported_cost: Option<Usd>,
    /// Tokens times prices.
    pub calculated_cost: Option<Usd>,
    /// From the request to the first delta.
    pub time_to_first_token: Option<Duration>,
    /// From the request to its end.
    pub duration: Option<Duration>,
}

impl UsageSums {
    /// The sums over the rows of one basis.
    pub fn basis(&self, basis: CostBasis) -> BasisSum {
        // The variants are numbered in the order in which they are declared.
        self.by_basis[basis as usize]
    }

    /// The sums over the rows of one basis, to change.
    pub fn basis_mut(&mut self, basis: CostBasis) -> &mut BasisSum {
        &mut self.by_basis[basis as usize]
    }
}

impl AddAssign for UsageSums {
    fn add_assign(&mut self, other: UsageSums) {
        self.requests += other.requests;
        self.requests_without_tokens += other.requests_without_tokens;
        self.requests_without_cost += other.requests_without_cost;
        self.open_requests += other.open_requests;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cached_tokens += other.cached_tokens;
        self.reasoning_tokens += other.reasoning_tokens;
        self.cost += other.cost;
        for (mine, theirs) in self.by_basis.iter_mut().zip(other.by_basis) {
            mine.requests += theirs.requests;
            mine.cost += theirs.cost;
        }
        self.price_variance.requests += other.price_variance.requests;
        self.price_variance.reported += other.price_variance.reported;
        self.price_variance.calculated += other.price_variance.calculated;
    }
}

impl PriceVariance {
    /// By how much the calculation is above the bill.
    pub fn difference(&self) -> UsdSum {
        UsdSum(self.calculated.0 - self.reported.0)
    }
}

impl UsdSum {
    /// Takes whole pico-dollars.
    pub const fn from_pico(pico: i128) -> Self {
        UsdSum(pico)
    }

    /// The sum in whole pico-dollars.
    pub const fn pico(self) -> i128 {
        self.0
    }
}

impl From<Usd> for UsdSum {
    fn from(amount: Usd) -> Self {
        UsdSum(i128::from(amount.pico()))
    }
}

impl AddAssign for UsdSum {
    /// Amounts have 64 bits, so that no number of rows that a store can hold leads out of the range.
    fn add_assign(&mut self, other: UsdSum) {
        self.0 += other.0;
    }
}

impl fmt::Display for UsdSum {
    /// As a [`Usd`]: the shortest decimal text that is exactly this sum.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_goes_on_where_an_amount_ends() {
        let mut sum = UsdSum::default();
        for _ in 0..3 {
            sum += UsdSum::from(Usd::from_pico(i64::MAX));
        }
        assert_eq!(sum.to_string(), "27670116.110564327421");
        assert_eq!(UsdSum::from_pico(-1).to_string(), "-0.000000000001");
    }

    #[test]
    fn each_basis_has_its_place() {
        let mut sums = UsageSums::default();
        for basis in CostBasis::ALL {
            sums.basis_mut(*basis).requests += 1;
        }
        assert!(sums.by_basis.iter().all(|sum| sum.requests == 1));
    }
}
