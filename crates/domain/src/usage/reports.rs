//! Reports on usage rows: sums by day, model, tool, user, group and session, and single rows.

use std::fmt;
use std::ops::AddAssign;

use crate::calendar::Date;
use crate::money::write_decimal;
use crate::string_enum::string_enum;
use crate::usage::CostBasis;
use crate::{GroupId, SessionId, ToolId, Usd, UserId};

pub use super::UsageRecord;

string_enum! {
    /// Grouping field of a report.
    Grouping, "grouping", {
        /// Day on which the row was created, in the time zone of the report.
        Day = "day",
        /// Requested model.
        Model = "model",
        Tool = "tool",
        User = "user",
        Group = "group",
        Session = "session",
    }
}

/// Sum of amounts. It has a wider range than a single [`Usd`], enough for any number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct UsdSum(i128);

/// Key of a group. A field is `Some` if rows are grouped by it and have a value.
///
/// Rows without a user, group, tool or session, also after its removal, are in the group without that value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ReportKey {
    pub day: Option<Date>,
    pub model: Option<String>,
    pub tool: Option<ToolId>,
    pub user: Option<UserId>,
    pub group: Option<GroupId>,
    pub session: Option<SessionId>,
}

/// Sums over the rows of one basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BasisSum {
    /// Number of rows.
    pub requests: u64,
    /// Sum of the known costs.
    pub cost: UsdSum,
}

/// Sums over rows. They do not depend on order or grouping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageTotals {
    /// Number of rows.
    pub requests: u64,
    /// Rows without a count of input or output tokens. Their other counts are in the sums.
    pub requests_without_tokens: u64,
    /// Rows whose tokens are estimates, at least in part.
    pub requests_with_estimated_tokens: u64,
    /// Rows without a cost: unknown, open, or pending without a provisional cost.
    pub requests_without_cost: u64,
    /// Rows whose request is running.
    pub open_requests: u64,
    pub input_tokens: u128,
    pub output_tokens: u128,
    /// Input tokens read from the cache of a provider.
    pub cached_tokens: u128,
    /// Input tokens written to the cache of a provider.
    pub cache_write_tokens: u128,
    /// Output tokens of reasoning.
    pub reasoning_tokens: u128,
    /// Cost, including the provisional cost of pending rows.
    pub cost: UsdSum,
    /// What the caches of the providers saved, over the rows for which it is known.
    pub cache_saved: UsdSum,
    /// Sums by basis, in the order of [`CostBasis::ALL`].
    pub by_basis: [BasisSum; CostBasis::ALL.len()],
    pub price_variance: PriceVariance,
}

/// Calculated and reported cost of the rows that have both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PriceVariance {
    /// Number of rows.
    pub requests: u64,
    /// Cost that the upstream reported.
    pub reported: UsdSum,
    /// Tokens times prices.
    pub calculated: UsdSum,
}

/// Sums over the rows with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    pub key: ReportKey,
    /// Slug of the tool, if rows are grouped by tool.
    pub tool_slug: Option<String>,
    pub sums: UsageTotals,
}

impl UsageTotals {
    /// Returns the sums over the rows of one basis.
    pub fn basis(&self, basis: CostBasis) -> BasisSum {
        // Variants are numbered in declaration order.
        self.by_basis[basis as usize]
    }

    /// Returns the sums over the rows of one basis for a change.
    pub fn basis_mut(&mut self, basis: CostBasis) -> &mut BasisSum {
        &mut self.by_basis[basis as usize]
    }
}

impl AddAssign for UsageTotals {
    fn add_assign(&mut self, other: UsageTotals) {
        self.requests += other.requests;
        self.requests_without_tokens += other.requests_without_tokens;
        self.requests_with_estimated_tokens += other.requests_with_estimated_tokens;
        self.requests_without_cost += other.requests_without_cost;
        self.open_requests += other.open_requests;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cached_tokens += other.cached_tokens;
        self.cache_write_tokens += other.cache_write_tokens;
        self.cache_saved += other.cache_saved;
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
    /// Returns the calculated cost minus the reported cost.
    pub fn difference(&self) -> UsdSum {
        UsdSum(self.calculated.0 - self.reported.0)
    }
}

impl UsdSum {
    /// Creates a sum from pico-dollars.
    pub const fn from_pico(pico: i128) -> Self {
        UsdSum(pico)
    }

    /// Returns the sum in pico-dollars.
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
    /// Adds a sum. Amounts have 64 bits, so no number of rows that a store can hold exceeds the range.
    fn add_assign(&mut self, other: UsdSum) {
        self.0 += other.0;
    }
}

impl fmt::Display for UsdSum {
    /// Formats the sum like a [`Usd`]: the shortest exact decimal text.
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
        let mut sums = UsageTotals::default();
        for basis in CostBasis::ALL {
            sums.basis_mut(*basis).requests += 1;
        }
        assert!(sums.by_basis.iter().all(|sum| sum.requests == 1));
    }
}
