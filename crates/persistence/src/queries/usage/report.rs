//! Usage reports: pages of groups with sums over the ledger.

use causerie_domain::page::Page;
use causerie_domain::ports::{StoreError, UsageReport, UsageReportQuery};
use causerie_domain::usage::reports::{Grouping, ReportRow, UsageTotals};
use diesel::BoolExpressionMethods;

use super::super::{Conn, RunQueryDsl};
use super::filter::{after, chosen, slugs};
use super::report_sql::SumStatement;
use crate::error::QueryError;
use crate::rows::{UsageTotalsRow, groups, total};

pub(crate) async fn report(conn: &mut Conn, query: &UsageReportQuery) -> Result<UsageReport, QueryError> {
    let found: Vec<UsageTotalsRow> = of_page(query)?.load(conn).await?;
    let mut found = groups(found, &query.days)?;
    let is_last = found.len() <= query.limit as usize;
    let sums = if is_last && query.after.is_none() {
        // The report has one page, so its groups add up to the total.
        let mut sums = UsageTotals::default();
        found.iter().for_each(|group| sums += group.sums);
        sums
    } else {
        let everything: Vec<UsageTotalsRow> = statement(query)?.load(conn).await?;
        total(everything)?
    };
    found.truncate(query.limit as usize);
    name_tools(conn, &mut found).await?;
    let next = found.last().filter(|_| !is_last).map(|group| group.key.clone());
    Ok(UsageReport { groups: Page { rows: found, next }, total: sums })
}

/// Returns the statement that sums all rows of a report.
fn statement(query: &UsageReportQuery) -> Result<SumStatement, StoreError> {
    let statement = SumStatement::of(chosen(&query.rows)?);
    let by_model = query.group_by.contains(&Grouping::Model);
    Ok(if by_model { statement.comparing() } else { statement })
}

/// Returns the statement that sums the groups of a page.
fn of_page(query: &UsageReportQuery) -> Result<SumStatement, StoreError> {
    let mut statement = statement(query)?;
    if let Some(last) = &query.after {
        let after = after(&query.group_by, &query.days, last);
        statement = statement.narrowed(|rows| Box::new(rows.and(after)));
    }
    Ok(statement.by(&query.group_by, &query.days).limit(query.limit))
}

async fn name_tools(conn: &mut Conn, groups: &mut [ReportRow]) -> Result<(), QueryError> {
    let slugs = slugs(conn, groups.iter().filter_map(|group| group.key.tool)).await?;
    for group in groups {
        group.tool_slug = group.key.tool.and_then(|tool| slugs.get(&tool).cloned());
    }
    Ok(())
}
