//! Summaries of the ledger: the sums of its rows in each period of 15 minutes, for each user, group, tool, model and basis.
//!
//! Summaries end a while ago. Each period before their end has one, unless the period is stale: a trigger notes the
//! period of a row that is inserted, changed or deleted, in the same transaction. So a summary that is not stale is equal
//! to its rows, whatever has written to the ledger.

use causerie_domain::calendar::Span;
use causerie_domain::filter::FieldPredicate;
use causerie_domain::ports::{SummaryReport, UsageFilter, UsageReportQuery};
use causerie_domain::subjects::UsageField;
use causerie_domain::usage::reports::Grouping;
use causerie_domain::{Filter, Timestamp};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::super::{Conn, RunQueryDsl, budgets};
use super::report_sql::Source;
use super::sums;
use crate::error::QueryError;
use crate::schema::{ai_usage, stale_usage_periods, usage_summaries, usage_summary_end};

/// Length of a period in microseconds. Days of time zones whose offsets are no multiples of it are read from rows.
const PERIOD: i64 = 900_000_000;
/// Maximum number of parts of a report that are read from rows. With more of them, all rows are read.
const MAX_LEDGER_PARTS: usize = 16;
/// Rows that one transaction summarizes, if their period has no more of them.
const ROWS_AT_A_TIME: i64 = 10_000;
/// Stale periods that one transaction summarizes again.
const STALE_AT_A_TIME: usize = 16;

#[derive(QueryableByName)]
struct Period {
    #[diesel(sql_type = BigInt)]
    starts_at: i64,
}

/// Splits the rows of a report into those that are read from summaries and those that are read from the ledger.
pub(super) async fn split(
    conn: &mut Conn,
    query: &UsageReportQuery,
) -> Result<Vec<(Source, UsageFilter)>, QueryError> {
    let whole = query.rows.span;
    let in_ledger = |span: Span| (Source::Ledger, UsageFilter { span, ..query.rows.clone() });
    if whole.from >= whole.to || !has_all_fields(query) {
        return Ok(vec![in_ledger(whole)]);
    }
    // Rows from before 1970 have no summary.
    let from = period_of(whole.from.as_micros().saturating_add(PERIOD - 1)).max(0);
    let to = period_of(whole.to.as_micros().max(0)).min(end(conn).await?);
    if from >= to {
        return Ok(vec![in_ledger(whole)]);
    }
    let mut read = ranges(&stale(conn, from, to).await?);
    read.insert(0, (whole.from.as_micros(), from));
    read.push((to, whole.to.as_micros()));
    read.retain(|(from, to)| from < to);
    if read.len() > MAX_LEDGER_PARTS {
        return Ok(vec![in_ledger(whole)]);
    }
    let summarized = (Source::Summaries, UsageFilter { span: span(from, to), ..query.rows.clone() });
    let parts =
        std::iter::once(summarized).chain(read.into_iter().map(|(from, to)| in_ledger(span(from, to))));
    Ok(parts.collect())
}

fn span(from: i64, to: i64) -> Span {
    Span { from: Timestamp::from_micros(from), to: Timestamp::from_micros(to) }
}

/// Returns the start of the period of an instant.
fn period_of(micros: i64) -> i64 {
    micros - micros.rem_euclid(PERIOD)
}

/// Returns whether summaries have all fields of a report.
fn has_all_fields(query: &UsageReportQuery) -> bool {
    let rows = &query.rows;
    let mut days = query.days.iter().skip(1).map(|day| day.span.from.as_micros());
    rows.session_id.is_none()
        && !query.group_by.contains(&Grouping::Session)
        && has_fields_of(&rows.visible)
        && days.all(|start| period_of(start) == start)
}

fn has_fields_of(filter: &Filter) -> bool {
    match filter {
        Filter::Everything | Filter::Nothing => true,
        Filter::All(parts) | Filter::Any(parts) => parts.iter().all(has_fields_of),
        Filter::Not(part) => has_fields_of(part),
        Filter::Field(FieldPredicate { field, .. }) => {
            [UsageField::UserId, UsageField::GroupId, UsageField::ToolId, UsageField::Model]
                .iter()
                .any(|known| known.as_str() == field)
        }
    }
}

/// Joins adjacent periods into ranges.
fn ranges(periods: &[i64]) -> Vec<(i64, i64)> {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for &start in periods {
        match ranges.last_mut().filter(|(_, end)| *end == start) {
            Some((_, end)) => *end += PERIOD,
            None => ranges.push((start, start + PERIOD)),
        }
    }
    ranges
}

/// Summarizes some of the rows before an instant, and some stale periods. Returns whether there is more to do.
///
/// Writes to the ledger wait until the transaction ends, so it reads few rows.
pub(crate) async fn summarize(conn: &mut Conn, before: &Timestamp) -> Result<bool, QueryError> {
    let limit = period_of(before.as_micros());
    let end = end(conn).await?;
    if end >= limit && stale_before(conn, end).await?.is_empty() {
        return Ok(false);
    }
    budgets::lock_ledger(conn).await?;
    let end = locked_end(conn).await?;
    let stale = stale_before(conn, end).await?;
    for (from, to) in ranges(&stale) {
        replace(conn, from, to).await?;
    }
    let next = next_end(conn, end, limit).await?;
    if next > end {
        replace(conn, end, next).await?;
        diesel::update(usage_summary_end::table).set(usage_summary_end::ends_at.eq(next)).apply(conn).await?;
    }
    Ok(next < limit || stale.len() == STALE_AT_A_TIME)
}

/// Compares summaries with the sums of their rows, from the start of a period.
pub(crate) async fn compare(conn: &mut Conn, from: &Timestamp) -> Result<SummaryReport, QueryError> {
    let (from, end) = (from.as_micros().max(0), end(conn).await?);
    if from >= end {
        return Ok(SummaryReport { checked: 0, wrong: Vec::new(), next: None });
    }
    let to = next_end(conn, from, end).await?;
    let keys = "user_id, group_id, tool_id, model, basis";
    let (of_ledger, of_sums) = (sums::of_ledger(true).join(", "), sums::of_sums(true).join(", "));
    let range = "created_at >= $1 AND created_at < $2";
    let rows = format!(
        "SELECT created_at - created_at % {PERIOD} AS starts_at, {keys}, {of_ledger} FROM ai_usage WHERE {range} \
         GROUP BY 1, 2, 3, 4, 5, 6"
    );
    let summaries = format!(
        "SELECT created_at AS starts_at, {keys}, {of_sums} FROM usage_summaries WHERE {range} GROUP BY 1, 2, 3, 4, 5, 6"
    );
    let wrong = format!(
        "SELECT DISTINCT starts_at FROM \
         (SELECT starts_at FROM ({rows} EXCEPT {summaries}) AS missing UNION ALL \
          SELECT starts_at FROM ({summaries} EXCEPT {rows}) AS unfounded) AS wrong \
         WHERE starts_at NOT IN (SELECT starts_at FROM stale_usage_periods) ORDER BY starts_at"
    );
    let wrong: Vec<Period> =
        diesel::sql_query(wrong).bind::<BigInt, _>(from).bind::<BigInt, _>(to).load(conn).await?;
    let checked: i64 = usage_summaries::table
        .filter(usage_summaries::created_at.ge(from))
        .filter(usage_summaries::created_at.lt(to))
        .count()
        .get_result(conn)
        .await?;
    Ok(SummaryReport {
        checked: checked.unsigned_abs(),
        wrong: wrong.into_iter().map(|period| Timestamp::from_micros(period.starts_at)).collect(),
        next: (to < end).then(|| Timestamp::from_micros(to)),
    })
}

/// Returns the end of summaries that has about [`ROWS_AT_A_TIME`] more rows before it, up to a limit.
async fn next_end(conn: &mut Conn, end: i64, limit: i64) -> Result<i64, QueryError> {
    let later: Option<i64> = ai_usage::table
        .filter(ai_usage::created_at.ge(end))
        .filter(ai_usage::created_at.lt(limit))
        .order(ai_usage::created_at)
        .select(ai_usage::created_at)
        .offset(ROWS_AT_A_TIME)
        .first(conn)
        .await
        .optional()?;
    Ok(later.map_or(limit, |later| period_of(later).max(end + PERIOD)))
}

/// Replaces the summaries of a range, whose periods are not stale afterwards.
async fn replace(conn: &mut Conn, from: i64, to: i64) -> Result<(), QueryError> {
    let summarized = usage_summaries::table
        .filter(usage_summaries::created_at.ge(from))
        .filter(usage_summaries::created_at.lt(to));
    diesel::delete(summarized).apply(conn).await?;
    let stale = stale_usage_periods::table
        .filter(stale_usage_periods::starts_at.ge(from))
        .filter(stale_usage_periods::starts_at.lt(to));
    diesel::delete(stale).apply(conn).await?;
    let (columns, sums) = (sums::columns().join(", "), sums::of_ledger(true).join(", "));
    let statement = format!(
        "INSERT INTO usage_summaries (created_at, user_id, group_id, tool_id, model, basis, {columns}) \
         SELECT created_at - created_at % {PERIOD}, user_id, group_id, tool_id, model, basis, {sums} \
         FROM ai_usage WHERE created_at >= $1 AND created_at < $2 GROUP BY 1, 2, 3, 4, 5, 6"
    );
    diesel::sql_query(statement).bind::<BigInt, _>(from).bind::<BigInt, _>(to).apply(conn).await?;
    Ok(())
}

/// Returns the end of the summaries.
async fn end(conn: &mut Conn) -> Result<i64, QueryError> {
    Ok(usage_summary_end::table.select(usage_summary_end::ends_at).first(conn).await?)
}

/// Returns the end of the summaries, and locks it until the transaction ends. Another instance may have summarized rows
/// before the lock, and an operator may restart the summaries.
async fn locked_end(conn: &mut Conn) -> Result<i64, QueryError> {
    let unchanged = usage_summary_end::ends_at.eq(usage_summary_end::ends_at);
    diesel::update(usage_summary_end::table).set(unchanged).apply(conn).await?;
    end(conn).await
}

/// Returns the stale periods of a range, in their order.
async fn stale(conn: &mut Conn, from: i64, to: i64) -> Result<Vec<i64>, QueryError> {
    let stale = stale_usage_periods::table
        .filter(stale_usage_periods::starts_at.ge(from))
        .filter(stale_usage_periods::starts_at.lt(to))
        .order(stale_usage_periods::starts_at)
        .select(stale_usage_periods::starts_at);
    Ok(stale.load(conn).await?)
}

/// Returns the first stale periods before an instant.
async fn stale_before(conn: &mut Conn, end: i64) -> Result<Vec<i64>, QueryError> {
    let stale = stale_usage_periods::table
        .filter(stale_usage_periods::starts_at.lt(end))
        .order(stale_usage_periods::starts_at)
        .select(stale_usage_periods::starts_at)
        .limit(STALE_AT_A_TIME as i64);
    Ok(stale.load(conn).await?)
}
