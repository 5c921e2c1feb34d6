//! The statement that sums ledger rows, grouped by any of their fields.
//!
//! It is built as text, since diesel's `GROUP BY` is fixed at compile time. Rows are also grouped by basis; the caller
//! combines these groups.

use causerie_domain::calendar::Day;
use causerie_domain::usage::reports::Grouping;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;

use super::super::Db;
use super::super::filters::Condition;
use super::sums;
use crate::rows::{SUM_BASES, SumColumns};
use crate::schema::ai_usage;

/// A statement that sums ledger rows.
pub(in super::super) struct SumStatement {
    parts: Vec<Part>,
    group_by: Vec<Grouping>,
    /// Start of each day, in microseconds.
    days: Vec<i64>,
    limit: Option<i64>,
    compares: bool,
}

/// Rows that are summed.
struct Part {
    source: Source,
    rows: Condition<ai_usage::table>,
}

/// Table whose rows are summed. In a condition, each of them has the name of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Ledger,
    /// Summaries of periods whose rows have not changed since.
    Summaries,
}

impl SumStatement {
    /// Sums these rows in one group.
    pub(in super::super) fn of(rows: Condition<ai_usage::table>) -> Self {
        SumStatement::of_parts([(Source::Ledger, rows)])
    }

    /// Sums rows of several sources, none of which contains a row of another one.
    pub(super) fn of_parts(parts: impl IntoIterator<Item = (Source, Condition<ai_usage::table>)>) -> Self {
        let parts = parts.into_iter().map(|(source, rows)| Part { source, rows }).collect();
        SumStatement { parts, group_by: Vec::new(), days: Vec::new(), limit: None, compares: false }
    }

    /// Groups by these fields. The groups are in the order of the fields, with nulls first.
    pub(in super::super) fn by(self, group_by: &[Grouping], days: &[Day]) -> Self {
        let days = days.iter().map(|day| day.span.from.as_micros()).collect();
        SumStatement { group_by: group_by.to_vec(), days, ..self }
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

    /// Writes the sums over the rows of one part.
    fn walk_part<'b>(&'b self, part: &'b Part, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
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
            pass.push_sql(&format!(" AS key_{}, ", position(grouping)));
        }
        pass.push_sql("ai_usage.basis AS basis");
        let sums = match part.source {
            Source::Ledger => sums::of_ledger(self.compares),
            Source::Summaries => sums::of_sums(self.compares),
        };
        for (sum, column) in sums.into_iter().zip(sums::columns()) {
            pass.push_sql(&format!(", {sum} AS {column}"));
        }
        pass.push_sql(match part.source {
            Source::Ledger => " FROM ai_usage WHERE ",
            Source::Summaries => " FROM usage_summaries AS ai_usage WHERE ",
        });
        part.rows.walk_ast(pass.reborrow())?;
        if part.source == Source::Summaries {
            pass.push_sql(" AND ai_usage.created_at NOT IN (SELECT starts_at FROM stale_usage_periods)");
        }
        self.push_groups(pass);
        Ok(())
    }

    /// Writes the sums over several parts.
    fn walk_parts<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        pass.push_sql("SELECT ");
        for (grouping, _) in FIELDS {
            match self.is_by(grouping) {
                true => pass.push_sql(&format!("key_{}, ", position(grouping))),
                false => pass.push_sql("NULL, "),
            }
        }
        pass.push_sql("basis, ");
        pass.push_sql(&sums::of_sums(self.compares).join(", "));
        pass.push_sql(" FROM (");
        for (number, part) in self.parts.iter().enumerate() {
            if number > 0 {
                pass.push_sql(" UNION ALL ");
            }
            self.walk_part(part, pass.reborrow())?;
        }
        pass.push_sql(") AS parts");
        self.push_groups(pass);
        Ok(())
    }

    fn push_groups(&self, mut pass: AstPass<'_, '_, Db>) {
        pass.push_sql(" GROUP BY ");
        for grouping in &self.group_by {
            pass.push_sql(position(*grouping));
            pass.push_sql(", ");
        }
        pass.push_sql(BASIS_POSITION);
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
        match self.parts.as_slice() {
            [part] => self.walk_part(part, pass.reborrow())?,
            _ => self.walk_parts(pass.reborrow())?,
        }
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
