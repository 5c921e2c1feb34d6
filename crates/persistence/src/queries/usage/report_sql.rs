//! The statement that sums ledger rows, grouped by any of their fields.
//!
//! It is built as text, since diesel's `GROUP BY` is fixed at compile time. The upper and the lower 32 bits of a column
//! are summed separately, which cannot overflow for any number of rows; a sum of 64-bit values fails on SQLite and
//! becomes a numeric on PostgreSQL. Rows are also grouped by basis; the caller combines these groups.

use causerie_domain::calendar::Day;
use causerie_domain::usage::reports::Grouping;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;

use super::super::Db;
use super::super::filters::Condition;
use crate::rows::{SUM_BASES, SumColumns};
use crate::schema::ai_usage;

/// A statement that sums ledger rows.
pub(in super::super) struct SumStatement {
    rows: Condition<ai_usage::table>,
    group_by: Vec<Grouping>,
    /// Start of each day, in microseconds.
    days: Vec<i64>,
    limit: Option<i64>,
    compares: bool,
}

impl SumStatement {
    /// Sums these rows in one group.
    pub(in super::super) fn of(rows: Condition<ai_usage::table>) -> Self {
        SumStatement { rows, group_by: Vec::new(), days: Vec::new(), limit: None, compares: false }
    }

    /// Groups by these fields. The groups are in the order of the fields, with nulls first.
    pub(in super::super) fn by(self, group_by: &[Grouping], days: &[Day]) -> Self {
        let days = days.iter().map(|day| day.span.from.as_micros()).collect();
        SumStatement { group_by: group_by.to_vec(), days, ..self }
    }

    /// Restricts the rows.
    pub(in super::super) fn narrowed(
        self,
        narrow: impl FnOnce(Condition<ai_usage::table>) -> Condition<ai_usage::table>,
    ) -> Self {
        SumStatement { rows: narrow(self.rows), ..self }
    }

    /// Adds sums of calculated and reported costs, for a comparison.
    pub(in super::super) fn comparing(self) -> Self {
        SumStatement { compares: true, ..self }
    }

    /// Reads this number of groups and at least one row of the next group, if there is one.
    pub(in super::super) fn limit(self, groups: u32) -> Self {
        SumStatement { limit: Some(i64::from(groups) * SUM_BASES + 1), ..self }
    }

    fn is_by(&self, grouping: Grouping) -> bool {
        self.group_by.contains(&grouping)
    }
}

/// The columns of the fields, in the order of [`SumColumns`]. Positions start at one.
const FIELDS: [(Grouping, &str); 6] = [
    (Grouping::Day, ""),
    (Grouping::Model, "ai_usage.model"),
    (Grouping::Tool, "ai_usage.tool_id"),
    (Grouping::User, "ai_usage.user_id"),
    (Grouping::Group, "ai_usage.group_id"),
    (Grouping::Session, "ai_usage.session_id"),
];
const BASIS_POSITION: &str = "7";

fn position(grouping: Grouping) -> &'static str {
    match grouping {
        Grouping::Day => "1",
        Grouping::Model => "2",
        Grouping::Tool => "3",
        Grouping::User => "4",
        Grouping::Group => "5",
        Grouping::Session => "6",
    }
}

/// The summed columns, in the order of [`SumColumns`].
const SUMMED: [&str; 7] = [
    "cost",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cache_saved",
];
/// Rows with input and output tokens.
const COUNTED: &str = "ai_usage.input_tokens IS NOT NULL AND ai_usage.output_tokens IS NOT NULL";
/// Rows with estimated tokens, as [`UsageRecord::has_estimated_tokens`](causerie_domain::usage::UsageRecord) decides.
const ESTIMATED: &str = "ai_usage.basis = 'estimated' OR (ai_usage.basis = 'pending' AND ai_usage.cost IS NOT NULL \
                         AND ai_usage.calculated_cost IS NULL)";
/// Columns that are summed only over rows with both values, and only for a comparison.
const COMPARED: [&str; 2] = ["reported_cost", "calculated_cost"];
const BOTH: &str = "ai_usage.reported_cost IS NOT NULL AND ai_usage.calculated_cost IS NOT NULL";

impl Query for SumStatement {
    type SqlType = SumColumns;
}

impl QueryId for SumStatement {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Db> for SumStatement {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        // Not cached: there are too many variants, and the plan should be made for the span's values.
        pass.unsafe_to_cache_prepared();
        pass.push_sql("SELECT ");
        for (grouping, column) in FIELDS {
            match (self.is_by(grouping), grouping) {
                (false, _) => pass.push_sql("NULL"),
                (true, Grouping::Day) => {
                    pass.push_sql("CAST(");
                    walk_days(&self.days, 0, pass.reborrow())?;
                    pass.push_sql(" AS BIGINT)");
                }
                (true, _) => pass.push_sql(column),
            }
            pass.push_sql(", ");
        }
        pass.push_sql("ai_usage.basis, COUNT(*), COUNT(ai_usage.cost), ");
        pass.push_sql(&format!(
            "COUNT(CASE WHEN {COUNTED} THEN 1 END), COUNT(CASE WHEN {ESTIMATED} THEN 1 END)"
        ));
        for column in SUMMED {
            push_halves(&mut pass, &format!("ai_usage.{column}"));
        }
        if self.compares {
            pass.push_sql(&format!(", COUNT(CASE WHEN {BOTH} THEN 1 END)"));
            for column in COMPARED {
                push_halves(&mut pass, &format!("CASE WHEN {BOTH} THEN ai_usage.{column} END"));
            }
        } else {
            pass.push_sql(&", CAST(0 AS BIGINT)".repeat(1 + 2 * COMPARED.len()));
        }
        pass.push_sql(" FROM ai_usage WHERE ");
        self.rows.walk_ast(pass.reborrow())?;
        pass.push_sql(" GROUP BY ");
        for grouping in &self.group_by {
            pass.push_sql(position(*grouping));
            pass.push_sql(", ");
        }
        pass.push_sql(BASIS_POSITION);
        for (number, grouping) in self.group_by.iter().enumerate() {
            pass.push_sql(if number == 0 { " ORDER BY " } else { ", " });
            pass.push_sql(position(*grouping));
            pass.push_sql(" NULLS FIRST");
        }
        if let Some(limit) = &self.limit {
            pass.push_sql(" LIMIT ");
            pass.push_bind_param::<BigInt, i64>(limit)?;
        }
        Ok(())
    }
}

/// Writes the index of a row's day, as a binary search among the boundaries in nested `CASE` expressions.
fn walk_days<'b>(days: &'b [i64], first: usize, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
    if days.len() < 2 {
        pass.push_sql(&first.to_string());
        return Ok(());
    }
    let (earlier, later) = days.split_at(days.len() / 2);
    pass.push_sql("CASE WHEN ai_usage.created_at < ");
    pass.push_bind_param::<BigInt, i64>(&later[0])?;
    pass.push_sql(" THEN ");
    walk_days(earlier, first, pass.reborrow())?;
    pass.push_sql(" ELSE ");
    walk_days(later, first + earlier.len(), pass.reborrow())?;
    pass.push_sql(" END");
    Ok(())
}

fn push_halves(pass: &mut AstPass<'_, '_, Db>, value: &str) {
    pass.push_sql(&format!(
        ", CAST(COALESCE(SUM(({value}) >> 32), 0) AS BIGINT), \
         CAST(COALESCE(SUM(({value}) & 4294967295), 0) AS BIGINT)"
    ));
}
