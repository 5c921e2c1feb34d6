//! Rows of the statement that sums the ledger.

use causerie_domain::calendar::Day;
use causerie_domain::ports::StoreError;
use causerie_domain::usage::CostBasis;
use causerie_domain::usage::reports::{GroupKey, PriceVariance, UsageGroup, UsageSums, UsdSum};
use causerie_domain::{GroupId, SessionId, ToolId, UserId};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::{count, word};
use crate::error::corrupt;
use crate::types::Uid;

/// How many rows a group has at most: one for each basis, and one for open requests.
pub(crate) const SUM_BASES: i64 = 7;

type Wide = (BigInt, BigInt);

/// The columns of the statement.
pub(crate) type SumColumns = (
    Nullable<BigInt>,
    Nullable<Text>,
    Nullable<Uid>,
    Nullable<Uid>,
    Nullable<Uid>,
    Nullable<Uid>,
    Nullable<Text>,
    BigInt,
    BigInt,
    BigInt,
    Wide,
    Wide,
    Wide,
    Wide,
    Wide,
    BigInt,
    Wide,
    Wide,
);

/// Rows of one group and one basis, summed. A wide sum is its upper and its lower half.
#[derive(Debug, Queryable)]
pub(crate) struct UsageSumsRow {
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
    cost: (i64, i64),
    input: (i64, i64),
    output: (i64, i64),
    cached: (i64, i64),
    reasoning: (i64, i64),
    compared: i64,
    reported: (i64, i64),
    calculated: (i64, i64),
}

/// The groups that rows make, which come with those of a group together.
pub(crate) fn groups(rows: Vec<UsageSumsRow>, days: &[Day]) -> Result<Vec<UsageGroup>, StoreError> {
    let mut groups: Vec<UsageGroup> = Vec::new();
    for mut row in rows {
        let key = row.key(days)?;
        let sums = row.sums()?;
        match groups.last_mut().filter(|group| group.key == key) {
            Some(group) => group.sums += sums,
            None => groups.push(UsageGroup { key, tool_slug: None, sums }),
        }
    }
    Ok(groups)
}

/// The sums over all rows.
pub(crate) fn total(rows: Vec<UsageSumsRow>) -> Result<UsageSums, StoreError> {
    let mut total = UsageSums::default();
    for row in rows {
        total += row.sums()?;
    }
    Ok(total)
}

impl UsageSumsRow {
    fn key(&mut self, days: &[Day]) -> Result<GroupKey, StoreError> {
        let day = self.day.map(|number| {
            let day = usize::try_from(number).ok().and_then(|number| days.get(number));
            day.map(|day| day.date).ok_or_else(|| corrupt(format!("a report's day is {number}")))
        });
        Ok(GroupKey {
            day: day.transpose()?,
            model: self.model.take(),
            tool: self.tool,
            user: self.user,
            group: self.group,
            session: self.session,
        })
    }

    fn sums(&self) -> Result<UsageSums, StoreError> {
        let requests: u64 = count("a number of rows", self.requests)?;
        let tokens = |halves: (i64, i64)| {
            u128::try_from(whole(halves)).map_err(|_| corrupt("a sum of tokens is negative"))
        };
        let cost = UsdSum::from_pico(whole(self.cost));
        let mut sums = UsageSums {
            requests,
            requests_without_tokens: count("rows without tokens", self.requests - self.with_tokens)?,
            requests_without_cost: count("rows without a cost", self.requests - self.with_cost)?,
            input_tokens: tokens(self.input)?,
            output_tokens: tokens(self.output)?,
            cached_tokens: tokens(self.cached)?,
            reasoning_tokens: tokens(self.reasoning)?,
            cost,
            price_variance: PriceVariance {
                requests: count("a number of rows", self.compared)?,
                reported: UsdSum::from_pico(whole(self.reported)),
                calculated: UsdSum::from_pico(whole(self.calculated)),
            },
            ..UsageSums::default()
        };
        match &self.basis {
            Some(basis) => {
                let basis: CostBasis = word("ai_usage.basis", basis)?;
                let of_basis = sums.basis_mut(basis);
                (of_basis.requests, of_basis.cost) = (requests, cost);
            }
            // Only an open row has none.
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
