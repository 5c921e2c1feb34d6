//! Sessions for auditors: with usage sums, without messages.

use std::cmp::Reverse;
use std::collections::HashMap;

use causerie_domain::filter::Scalar;
use causerie_domain::page::Page;
use causerie_domain::ports::{SessionAuditQuery, SessionCursor, SessionQuery};
use causerie_domain::sessions::Session;
use causerie_domain::sessions::SessionAudit;
use causerie_domain::subjects::SessionField;
use causerie_domain::usage::reports::{Grouping, UsageTotals};
use causerie_domain::{Filter, SessionId};
use diesel::prelude::*;

use super::super::filters::constant;
use super::super::usage::{SumStatement, merge, parts, slugs};
use super::super::{Conn, RunQueryDsl};
use super::read;
use crate::error::{QueryError, corrupt};
use crate::rows::{UsageTotalsRow, groups};
use crate::schema::ai_usage;
use crate::types::id_param;

pub(crate) async fn audit(
    conn: &mut Conn,
    list: &SessionAuditQuery,
) -> Result<Page<SessionAudit, SessionCursor>, QueryError> {
    let of_group =
        list.group_id.map(|group| Filter::equals(SessionField::GroupId, Scalar::Uuid(group.as_uuid())));
    let mut pages = Vec::new();
    for part in parts(&list.auditable) {
        let sessions = SessionQuery {
            visible: Filter::all([part].into_iter().chain(of_group.clone())),
            user_id: list.user_id,
            state: None,
            tool_id: list.tool_id,
            parent_session_id: None,
            page: list.page.clone(),
        };
        pages.push(read::page(conn, &sessions).await?);
    }
    let of = |row: &Session| SessionCursor { last_activity_at: row.last_activity_at, id: row.id };
    let Page { rows, next } =
        merge(pages, list.page.limit, |row| (Reverse(row.last_activity_at), row.id), of);

    let mut sums = sums(conn, &rows).await?;
    let slugs = slugs(conn, rows.iter().map(|session| session.tool_id)).await?;
    let audited = rows.into_iter().map(|session| {
        let slug = slugs.get(&session.tool_id).cloned();
        let tool_slug = slug.ok_or_else(|| corrupt(format!("session {} has no tool", session.id)))?;
        let sums = sums.remove(&session.id).unwrap_or_default();
        Ok::<_, QueryError>(SessionAudit { session, tool_slug, sums })
    });
    Ok(Page { rows: audited.collect::<Result<_, _>>()?, next })
}

/// Sums the usage of each session.
async fn sums(conn: &mut Conn, sessions: &[Session]) -> Result<HashMap<SessionId, UsageTotals>, QueryError> {
    if sessions.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = sessions.iter().map(|session| id_param(session.id));
    let rows = Box::new(ai_usage::session_id.eq_any(ids).and(constant(true)));
    let rows: Vec<UsageTotalsRow> = SumStatement::of(rows).by(&[Grouping::Session], &[]).load(conn).await?;
    let groups = groups(rows, &[])?.into_iter();
    Ok(groups.filter_map(|group| Some((group.key.session?, group.sums))).collect())
}
