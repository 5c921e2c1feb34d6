//! Rows of the statement that sums ledger rows.

use causerie_domain::calendar::Day;
use causerie_domain::ports::StoreError;
use causerie_domain::usage::CostBasis;
use causerie_domain::usage::reports::{PriceVariance, ReportKey, ReportRow, UsageTotals, UsdSum};
use causerie_domain::{GroupId, SessionId, ToolId, UserId};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::super::{count, parse_variant};
use crate::error::corrupt;
use crate::types::SqlId;

/// Maximum number of rows per group: one for each basis, and one for open requests.
pub(crate) const SUM_BASES: i64 = 7;

type HalvedSum = (BigInt, BigInt);

/// SQL types of the statement's columns.
pub(crate) type SumColumns = (
    Nullable<BigInt>,
    Nullable<Text>,
    Nullable<SqlId>,
    Nullable<SqlId>,
    Nullable<SqlId>,
    Nullable<SqlId>,
    Nullable<Text>,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    HalvedSum,
    HalvedSum,
    HalvedSum,
    HalvedSum,
    HalvedSum,
    HalvedSum,
    HalvedSum,
    BigInt,
    HalvedSum,
    HalvedSum,
);

/// The sums of one group and basis. A wide sum is split into its upper and lower half.
#[derive(Debug, Queryable)]
pub(crate) struct UsageTotalsRow {
    day: Option<i64>,
    model: Option<String>,
    tool: Option<ToolId>,
    user: Option<UserId>,
    group: Option<GroupId>,
    session: Option<SessionId>,
    basis: Option<String>,
    requests: i64,
    with_cost: i64,
    with_tokens: i64,
    with_estimates: i64,
    cost: (i64, i64),
    input: (i64, i64),
    output: (i64, i64),
    cached: (i64, i64),
    cache_write: (i64, i64),
    reasoning: (i64, i64),
    cache_saved: (i64, i64),
    compared: i64,
    reported: (i64, i64),
    calculated: (i64, i64),
}

/// Combines rows into groups. The rows of a group must be adjacent.
pub(crate) fn groups(rows: Vec<UsageTotalsRow>, days: &[Day]) -> Result<Vec<ReportRow>, StoreError> {
    let mut groups: Vec<ReportRow> = Vec::new();
    for mut row in rows {
        let key = row.key(days)?;
        let sums = row.sums()?;
        match groups.last_mut().filter(|group| group.key == key) {
            Some(group) => group.sums += sums,
            None => groups.push(ReportRow { key, tool_slug: None, sums }),
        }
    }
    Ok(groups)
}

/// Returns the sums over all rows.
pub(crate) fn total(rows: Vec<UsageTotalsRow>) -> Result<UsageTotals, StoreError> {
    let mut total = UsageTotals::default();
    for row in rows {
        total += row.sums()?;
    }
    Ok(total)
}

impl UsageTotalsRow {
    fn key(&mut self, days: &[Day]) -> Result<ReportKey, StoreError> {
        let day = self.day.map(|number| {
            let day = usize::try_from(number).ok().and_then(|number| days.get(number));
            day.map(|day| day.date).ok_or_else(|| corrupt(format!("a report's day is {number}")))
        });
        Ok(ReportKey {
            day: day.transpose()?,
            model: self.model.take(),
            tool: self.tool,
            user: self.user,
            group: self.group,
            session: self.session,
        })
    }

    fn sums(&self) -> Result<UsageTotals, StoreError> {
        let requests: u64 = count("a number of rows", self.requests)?;
        let tokens = |halves: (i64, i64)| {
            u128::try_from(whole(halves)).map_err(|_| corrupt("a sum of tokens is negative"))
        };
        let cost = UsdSum::from_pico(whole(self.cost));
        let mut sums = UsageTotals {
            requests,
            requests_without_tokens: count("rows without tokens", self.requests - self.with_tokens)?,
            requests_with_estimated_tokens: count("rows with estimated tokens", self.with_estimates)?,
            requests_without_cost: count("rows without a cost", self.requests - self.with_cost)?,
            input_tokens: tokens(self.input)?,
            output_tokens: tokens(self.output)?,
            cached_tokens: tokens(self.cached)?,
            cache_write_tokens: tokens(self.cache_write)?,
            reasoning_tokens: tokens(self.reasoning)?,
            cache_saved: UsdSum::from_pico(whole(self.cache_saved)),
            cost,
            price_variance: PriceVariance {
                requests: count("a number of rows", self.compared)?,
                reported: UsdSum::from_pico(whole(self.reported)),
                calculated: UsdSum::from_pico(whole(self.calculated)),
            },
            ..UsageTotals::default()
        };
        match &self.basis {
            Some(basis) => {
                let basis: CostBasis = parse_variant("ai_usage.basis", basis)?;
                let of_basis = sums.basis_mut(basis);
                (of_basis.requests, of_basis.cost) = (requests, cost);
            }
            // Only open rows have no basis.
            None => sums.open_requests = requests,
        }
        Ok(sums)
    }
}

fn whole((upper, lower): (i64, i64)) -> i128 {
    (i128::from(upper) << 32) + i128::from(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_put_together_exactly() {
        for value in [0, 1, -1, i64::MAX, i64::MIN, 1 << 32, -(1 << 32), 4_294_967_295] {
            let halves = (value >> 32, value & 4_294_967_295);
            assert_eq!(whole(halves), i128::from(value));
        }
        assert_eq!(whole((i64::MAX, i64::MAX)), (i128::from(i64::MAX) << 32) + i128::from(i64::MAX));
        assert_eq!(i64::try_from(CostBasis::ALL.len() + 1).ok(), Some(SUM_BASES));
    }
}
