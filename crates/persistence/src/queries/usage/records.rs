//! Pages of ledger rows, newest first.

use std::cmp::Reverse;

use causerie_domain::Filter;
use causerie_domain::page::{After, Page};
use causerie_domain::ports::{UsageFilter, UsageRecordCursor, UsageRecordQuery};
use causerie_domain::usage::reports::UsageRecord;
use diesel::prelude::*;

use super::super::{Conn, RunQueryDsl};
use super::filter::{chosen, merge, parts, slugs};
use crate::error::QueryError;
use crate::rows::UsageRecordRow;
use crate::schema::ai_usage;
use crate::types::id_param;

pub(crate) async fn records(
    conn: &mut Conn,
    list: &UsageRecordQuery,
) -> Result<Page<UsageRecord, UsageRecordCursor>, QueryError> {
    let mut pages = Vec::new();
    for part in parts(&list.rows.visible) {
        pages.push(page_of(conn, list, part).await?);
    }
    let of = |row: &UsageRecord| UsageRecordCursor { created_at: row.created_at, id: row.id };
    let mut page = merge(pages, list.page.limit, |row| Reverse((row.created_at, row.id)), of);
    let slugs = slugs(conn, page.rows.iter().filter_map(|row| row.tool_id)).await?;
    for row in &mut page.rows {
        row.tool_slug = row.tool_id.and_then(|tool| slugs.get(&tool).cloned());
    }
    Ok(page)
}

/// Reads the page of the rows that match one part of the filter.
async fn page_of(
    conn: &mut Conn,
    list: &UsageRecordQuery,
    visible: Filter,
) -> Result<Page<UsageRecord, UsageRecordCursor>, QueryError> {
    let rows = UsageFilter { visible, ..list.rows.clone() };
    let mut query = ai_usage::table.filter(chosen(&rows)?).select(UsageRecordRow::as_select()).into_boxed();
    if let Some(After(last)) = list.page.after {
        let at = last.created_at.as_micros();
        // The first condition is redundant, but it gives the start of the range in the index.
        query = query
            .filter(ai_usage::created_at.le(at))
            .filter(ai_usage::created_at.lt(at).or(ai_usage::id.lt(id_param(last.id))));
    }
    let limit = list.page.limit;
    let rows: Vec<UsageRecordRow> = query
        .order((ai_usage::created_at.desc(), ai_usage::id.desc()))
        .limit(i64::from(limit) + 1)
        .load(conn)
        .await?;
    let mut rows: Vec<UsageRecord> = rows.into_iter().map(UsageRecord::try_from).collect::<Result<_, _>>()?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next =
        rows.last().filter(|_| more).map(|row| UsageRecordCursor { created_at: row.created_at, id: row.id });
    Ok(Page { rows, next })
}
