//! Usage reports, and single records of the ledger.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use causerie_domain::page::Page;
use causerie_domain::ports::UsageRecordCursor;
use causerie_domain::principal::Principal;
use causerie_domain::usage::reports::UsageRecord;
use causerie_fair_share::on_behalf_of;
use causerie_runtime::{ListUsage, ReportUsage};
use futures_util::Stream;
use futures_util::stream::{self, StreamExt as _};

use crate::auth::Caller;
use crate::csv::{self, TEXT_CSV};
use crate::dto::PageDto;
use crate::dto::usage::{RECORD_COLUMNS, UsageRecordDto, UsageReportDto};
use crate::error::Problem;
use crate::request::{
    CsvPageParams, GroupByParams, ListFormat, PageParams, Query, ReportPageParams, UsageParams,
};
use crate::state::AppState;

/// Number of rows of a table that are read at a time, which bounds its memory.
const TABLE_PAGE: u32 = 1000;

/// Usage report.
///
/// Sums over the requests that you may see: your own, those of groups that you administer, or all. Days are days of the
/// time zone `tz`; they have 23 or 25 hours when clocks change.
#[utoipa::path(
    get, path = "/usage", tag = "usage",
    params(GroupByParams, UsageParams, ReportPageParams),
    responses((status = 200, body = UsageReportDto, description = "The sums")),
)]
pub(crate) async fn usage_report(
    state: Data<AppState>,
    caller: Caller,
    query: Query<(GroupByParams, UsageParams, ReportPageParams)>,
) -> Result<HttpResponse, Problem> {
    let Query((by, usage, page)) = query;
    let (rows, zone) = usage.filter(state.runtime().now())?;
    let (group_by, days) = by.grouping(rows.span, &zone)?;
    let after = page.after(&group_by)?;
    let report = ReportUsage { rows, group_by: group_by.clone(), days, limit: page.limit, after };
    let report =
        state.call(move |runtime| async move { runtime.usage_report(&caller.0, report).await }).await?;
    Ok(HttpResponse::Ok().json(UsageReportDto::new(report, &group_by)))
}

/// Usage records.
///
/// The requests that you may see, newest first, including failed and repeated ones. With `Accept: text/csv` the response
/// is a table (RFC 4180, with a header line) of all requests, or of the first `limit`.
#[utoipa::path(
    get, path = "/usage/records", tag = "usage",
    params(UsageParams, PageParams),
    responses((
        status = 200, description = "A page of requests, or the table",
        content((PageDto<UsageRecordDto> = "application/json"), (String = "text/csv")),
    ), (status = 406, description = "`Accept` allows neither JSON nor CSV")),
)]
pub(crate) async fn usage_records(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    format: ListFormat,
) -> Result<HttpResponse, Problem> {
    let now = state.runtime().now();
    match format {
        ListFormat::Json => {
            let Query((usage, page)) = Query::<(UsageParams, PageParams)>::of(&request)?;
            let (rows, _) = usage.filter(now)?;
            let list = ListUsage { rows, limit: page.limit, after: page.after()? };
            let page = read(&state, &caller.0, list).await?;
            Ok(HttpResponse::Ok().json(PageDto::<UsageRecordDto>::new(page.rows, page.next.as_ref())))
        }
        ListFormat::Csv => {
            let Query((usage, page)) = Query::<(UsageParams, CsvPageParams)>::of(&request)?;
            let (rows, _) = usage.filter(now)?;
            let list = ListUsage { rows, limit: TABLE_PAGE, after: page.after()? };
            let mut table = Table { state, principal: caller.0, list, left: page.limit, is_done: false };
            // The first page is read before the response starts, so that errors get their status.
            let first = csv::header(&RECORD_COLUMNS) + &table.next().await?;
            Ok(HttpResponse::Ok()
                .insert_header((header::CONTENT_TYPE, TEXT_CSV))
                .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"usage.csv\""))
                .streaming(stream::iter([Ok(Bytes::from(first))]).chain(table.lines())))
        }
    }
}

/// Reads a page of records.
async fn read(
    state: &Data<AppState>,
    principal: &Arc<Principal>,
    list: ListUsage,
) -> Result<Page<UsageRecord, UsageRecordCursor>, Problem> {
    let (requester, principal) = (principal.requester(), Arc::clone(principal));
    let page = state.call(move |runtime| async move { runtime.usage_records(&principal, list).await });
    // A table is read outside of the handler, while its response is sent.
    on_behalf_of(requester, page).await
}

/// A table that is streamed page by page.
struct Table {
    state: Data<AppState>,
    principal: Arc<Principal>,
    list: ListUsage,
    /// Remaining number of lines; `None` means all.
    left: Option<u32>,
    is_done: bool,
}

impl Table {
    /// Reads the next lines; empty after the last one.
    async fn next(&mut self) -> Result<String, Problem> {
        let limit = self.left.map_or(TABLE_PAGE, |left| left.min(TABLE_PAGE));
        let page = read(&self.state, &self.principal, ListUsage { limit, ..self.list.clone() }).await?;
        self.left = self.left.map(|left| left - limit);
        self.is_done = page.next.is_none() || self.left == Some(0);
        self.list.after = page.next;
        let rows = page.rows.into_iter().map(UsageRecordDto::from);
        let lines = rows.map(|row| csv::line(&RECORD_COLUMNS, &row));
        lines.collect::<Result<String, _>>().map_err(Problem::internal)
    }

    /// Returns the remaining lines. The status is sent already, so an error aborts the response.
    fn lines(self) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
        stream::try_unfold(self, |mut table| async move {
            if table.is_done {
                return Ok(None);
            }
            match table.next().await {
                Ok(lines) => Ok(Some((Bytes::from(lines), table))),
                Err(problem) => {
                    tracing::warn!(%problem, cause = problem.causes(), "writing a usage table failed");
                    Err(std::io::Error::other(problem.to_string()))
                }
            }
        })
    }
}
