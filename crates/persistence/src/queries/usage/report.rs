//! Usage reports: pages of groups with sums over the ledger.

use causerie_domain::page::Page;
use causerie_domain::ports::{StoreError, UsageFilter, UsageReport, UsageReportQuery};
use causerie_domain::usage::reports::{Grouping, ReportRow, UsageTotals};
use diesel::BoolExpressionMethods;

use super::super::filters::Condition;
use super::super::{Conn, RunQueryDsl};
use super::filter::{after, chosen, slugs};
use super::report_sql::{Source, SumStatement};
use super::summaries;
use crate::error::QueryError;
use crate::rows::{UsageTotalsRow, groups, total};
use crate::schema::ai_usage;

pub(crate) async fn report(conn: &mut Conn, query: &UsageReportQuery) -> Result<UsageReport, QueryError> {
    let parts = summaries::split(conn, query).await?;
    let found: Vec<UsageTotalsRow> = of_page(query, &parts)?.load(conn).await?;
    let mut found = groups(found, &query.days)?;
    let is_last = found.len() <= query.limit as usize;
    let sums = if is_last && query.after.is_none() {
        // The report has one page, so its groups add up to the total.
        let mut sums = UsageTotals::default();
        found.iter().for_each(|group| sums += group.sums);
        sums
    } else {
        let everything: Vec<UsageTotalsRow> = of_all(query, &parts)?.load(conn).await?;
        total(everything)?
    };
    found.truncate(query.limit as usize);
    name_tools(conn, &mut found).await?;
    let next = found.last().filter(|_| !is_last).map(|group| group.key.clone());
    Ok(UsageReport { groups: Page { rows: found, next }, total: sums })
}

/// Returns the statement that sums all rows of a report.
fn of_all(query: &UsageReportQuery, parts: &[(Source, UsageFilter)]) -> Result<SumStatement, StoreError> {
    statement(query, parts, chosen)
}

/// Returns the statement that sums the groups of a page.
fn of_page(query: &UsageReportQuery, parts: &[(Source, UsageFilter)]) -> Result<SumStatement, StoreError> {
    let of_page = |rows: &UsageFilter| -> Result<Condition<ai_usage::table>, StoreError> {
        let rows = chosen(rows)?;
        Ok(match &query.after {
            Some(last) => Box::new(rows.and(after(&query.group_by, &query.days, last))),
            None => rows,
        })
    };
    Ok(statement(query, parts, of_page)?.by(&query.group_by, &query.days).limit(query.limit))
}

fn statement(
    query: &UsageReportQuery,
    parts: &[(Source, UsageFilter)],
    rows: impl Fn(&UsageFilter) -> Result<Condition<ai_usage::table>, StoreError>,
) -> Result<SumStatement, StoreError> {
    let parts: Vec<_> = parts
        .iter()
        .map(|(source, filter)| Ok((*source, rows(filter)?)))
        .collect::<Result<_, StoreError>>()?;
    let statement = SumStatement::of_parts(parts);
    let by_model = query.group_by.contains(&Grouping::Model);
    Ok(if by_model { statement.comparing() } else { statement })
}

async fn name_tools(conn: &mut Conn, groups: &mut [ReportRow]) -> Result<(), QueryError> {
    let slugs = slugs(conn, groups.iter().filter_map(|group| group.key.tool)).await?;
    for group in groups {
        group.tool_slug = group.key.tool.and_then(|tool| slugs.get(&tool).cloned());
    }
    Ok(())
}
