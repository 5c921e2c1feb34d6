//! Conditions that select ledger rows, and helpers for their pages.

use causerie_domain::calendar::Day;
use causerie_domain::filter::{FieldPredicate, Predicate};
use causerie_domain::page::Page;
use causerie_domain::ports::{StoreError, UsageFilter};
use causerie_domain::usage::reports::{Grouping, ReportKey};
use causerie_domain::{Filter, ToolId};
use diesel::prelude::*;
use std::collections::HashMap;

use super::super::filters::{self, Condition, constant};
use super::super::{Conn, RunQueryDsl};
use crate::error::QueryError;
use crate::schema::{ai_usage, tools};
use crate::types::{IdParam, id_param};

type UsageCondition = Condition<ai_usage::table>;

/// Maximum number of parts that a filter is split into.
const MAX_PARTS: usize = 16;

/// Returns the condition of the rows that are requested and visible.
pub(in super::super) fn chosen(rows: &UsageFilter) -> Result<UsageCondition, StoreError> {
    let mut chosen: UsageCondition = Box::new(
        filters::on_usage(&rows.visible)?
            .and(ai_usage::created_at.ge(rows.span.from.as_micros()))
            .and(ai_usage::created_at.lt(rows.span.to.as_micros())),
    );
    if let Some(model) = &rows.model {
        chosen = Box::new(chosen.and(ai_usage::model.eq(model.clone())));
    }
    if let Some(tool) = rows.tool_id {
        chosen = Box::new(chosen.and(ai_usage::tool_id.eq(id_param(tool))));
    }
    if let Some(user) = rows.user_id {
        chosen = Box::new(chosen.and(ai_usage::user_id.eq(id_param(user))));
    }
    if let Some(group) = rows.group_id {
        chosen = Box::new(chosen.and(ai_usage::group_id.eq(id_param(group))));
    }
    if let Some(session) = rows.session_id {
        chosen = Box::new(chosen.and(ai_usage::session_id.eq(id_param(session))));
    }
    Ok(chosen)
}

/// Returns the condition of rows in the groups after `last`. Groups are ordered by each field, with nulls first.
pub(in super::super) fn after(group_by: &[Grouping], days: &[Day], last: &ReportKey) -> UsageCondition {
    let mut after: UsageCondition = constant(false);
    for grouping in group_by.iter().rev() {
        let (beyond, same) = compared(*grouping, days, last);
        after = Box::new(beyond.or(same.and(after)));
    }
    after
}

/// Returns the conditions of rows whose field is greater than the group's, and equal to it.
fn compared(grouping: Grouping, days: &[Day], last: &ReportKey) -> (UsageCondition, UsageCondition) {
    macro_rules! by {
        ($column:ident, $value:expr) => {
            match $value {
                Some(value) => (
                    Box::new(ai_usage::$column.nullable().gt(value.clone())) as UsageCondition,
                    Box::new(ai_usage::$column.nullable().eq(value)) as UsageCondition,
                ),
                None => (
                    Box::new(ai_usage::$column.is_not_null().and(constant(true))),
                    Box::new(ai_usage::$column.is_null().and(constant(true))),
                ),
            }
        };
    }
    match grouping {
        Grouping::Day => by_day(days, last),
        Grouping::Model => by!(model, last.model.clone()),
        Grouping::Tool => by!(tool_id, last.tool.map(IdParam::from)),
        Grouping::User => by!(user_id, last.user.map(IdParam::from)),
        Grouping::Group => by!(group_id, last.group.map(IdParam::from)),
        Grouping::Session => by!(session_id, last.session.map(IdParam::from)),
    }
}

fn by_day(days: &[Day], last: &ReportKey) -> (UsageCondition, UsageCondition) {
    let beyond = days.iter().find(|day| Some(day.date) > last.day);
    let same = days.iter().find(|day| Some(day.date) == last.day);
    let of_day = |day: &Day| -> UsageCondition {
        let begun = ai_usage::created_at.ge(day.span.from.as_micros());
        Box::new(begun.and(ai_usage::created_at.lt(day.span.to.as_micros())).and(constant(true)))
    };
    let from_day = |day: &Day| -> UsageCondition {
        Box::new(ai_usage::created_at.ge(day.span.from.as_micros()).and(constant(true)))
    };
    (beyond.map_or_else(|| constant(false), from_day), same.map_or_else(|| constant(false), of_day))
}

/// Splits a filter with alternatives into one filter per alternative, each of which can use an index. The first rows of
/// the whole are among the first rows of each part, while the database would read and sort all matching rows.
pub(in super::super) fn parts(filter: &Filter) -> Vec<Filter> {
    let mut parts = Vec::new();
    collect(filter, &mut parts);
    if parts.len() > MAX_PARTS { vec![filter.clone()] } else { parts }
}

fn collect(filter: &Filter, parts: &mut Vec<Filter>) {
    match filter {
        Filter::Any(any) => any.iter().for_each(|part| collect(part, parts)),
        Filter::Field(FieldPredicate { field, test: Predicate::OneOf(values) }) => {
            parts.extend(values.iter().map(|value| Filter::equals(field.clone(), value.clone())));
        }
        other => parts.push(other.clone()),
    }
}

/// Merges the pages of several parts into one page, in the order of `place`.
pub(in super::super) fn merge<T, K: Clone, O: Ord>(
    pages: Vec<Page<T, K>>,
    limit: u32,
    place: impl Fn(&T) -> O,
    key: impl Fn(&T) -> K,
) -> Page<T, K> {
    let more = pages.iter().any(|page| page.next.is_some());
    let mut rows: Vec<T> = pages.into_iter().flat_map(|page| page.rows).collect();
    rows.sort_by_cached_key(&place);
    // Rows that match several parts occur several times.
    rows.dedup_by_key(|row| place(row));
    let more = more || rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(key);
    Page { rows, next }
}

/// Returns the slugs of tools by id.
pub(in super::super) async fn slugs(
    conn: &mut Conn,
    ids: impl IntoIterator<Item = ToolId>,
) -> Result<HashMap<ToolId, String>, QueryError> {
    let mut ids: Vec<ToolId> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let named: Vec<(ToolId, String)> = tools::table
        .filter(tools::id.eq_any(ids.into_iter().map(id_param)))
        .select((tools::id, tools::slug))
        .load(conn)
        .await?;
    Ok(named.into_iter().collect())
}
