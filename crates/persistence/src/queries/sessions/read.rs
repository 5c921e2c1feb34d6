//! Reading sessions.

use causerie_domain::page::{After, Page};
use causerie_domain::ports::{SessionCursor, SessionQuery, SessionWithTool};
use causerie_domain::sessions::{Session, SessionTotals};
use causerie_domain::usage::reports::UsdSum;
use causerie_domain::{Filter, SessionId, Usd};
use diesel::prelude::*;

use super::super::filters::constant;
use super::super::usage::SumStatement;
use super::super::{Conn, RunQueryDsl, Sequence, filters, tools};
use crate::error::{QueryError, corrupt};
use crate::rows::{SessionRow, total};
use crate::schema::{ai_usage, sessions};
use crate::types::id_param;

/// Selects a session that matches a filter.
macro_rules! visible {
    ($id:expr, $visible:expr) => {
        sessions::table
            .filter(sessions::id.eq(id_param($id)))
            .filter(sessions::deleted_at.is_null())
            .filter(filters::on_sessions($visible)?)
            .select(SessionRow::as_select())
    };
}

pub(crate) async fn by_id(
    conn: &mut Conn,
    (id, visible): &(SessionId, Filter),
) -> Result<Option<Session>, QueryError> {
    let row: Option<SessionRow> = visible!(*id, visible).first(conn).await.optional()?;
    Ok(row.map(Session::try_from).transpose()?)
}

/// Returns a session with its tool and the version that it keeps, which never changes.
pub(crate) async fn with_tool(
    conn: &mut Conn,
    (id, visible): &(SessionId, Filter),
) -> Result<Option<SessionWithTool>, QueryError> {
    let (mut rows, mut tools): (Vec<SessionRow>, _) = (Vec::new(), Vec::new());
    let session = Sequence::default().load(visible!(*id, visible), &mut rows);
    tools::of_session(session, *id, &mut tools).run(conn).await?;
    let Some(row) = rows.pop() else { return Ok(None) };
    let tool = tools.pop().ok_or_else(|| corrupt(format!("the tool of session {id} is missing")))?;
    let (tool, version) = tools::tool_of_pinned(tool)?;
    Ok(Some(SessionWithTool { session: Session::try_from(row)?, tool, version }))
}

pub(crate) async fn page(
    conn: &mut Conn,
    list: &SessionQuery,
) -> Result<Page<Session, SessionCursor>, QueryError> {
    let mut query = sessions::table
        .filter(sessions::deleted_at.is_null())
        .filter(filters::on_sessions(&list.visible)?)
        .select(SessionRow::as_select())
        .into_boxed();
    if let Some(user) = list.user_id {
        query = query.filter(sessions::user_id.eq(id_param(user)));
    }
    if let Some(state) = list.state {
        query = query.filter(sessions::state.eq(state.as_str()));
    }
    if let Some(tool) = list.tool_id {
        query = query.filter(sessions::tool_id.eq(id_param(tool)));
    }
    if let Some(parent) = list.parent_session_id {
        query = query.filter(sessions::parent_session_id.eq(id_param(parent)));
    }
    if let Some(After(last)) = list.page.after {
        let at = last.last_activity_at.as_micros();
        // The first condition is redundant, but it gives the start of the range in the index.
        query = query
            .filter(sessions::last_activity_at.le(at))
            .filter(sessions::last_activity_at.lt(at).or(sessions::id.gt(id_param(last.id))));
    }
    let limit = list.page.limit;
    let rows: Vec<SessionRow> = query
        .order((sessions::last_activity_at.desc(), sessions::id.asc()))
        .limit(i64::from(limit) + 1)
        .load(conn)
        .await?;
    let mut rows: Vec<Session> = rows.into_iter().map(Session::try_from).collect::<Result<_, _>>()?;
    // One row more than the limit was read: it shows whether there is a further page.
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|last| SessionCursor { last_activity_at: last.last_activity_at, id: last.id });
    Ok(Page { rows, next })
}

pub(crate) async fn totals(
    conn: &mut Conn,
    (id, visible): &(SessionId, Filter),
) -> Result<Option<SessionTotals>, QueryError> {
    let next_seq: Option<i64> = sessions::table
        .filter(sessions::id.eq(id_param(*id)))
        .filter(sessions::deleted_at.is_null())
        .filter(filters::on_sessions(visible)?)
        .select(sessions::next_seq)
        .first(conn)
        .await
        .optional()?;
    let Some(next_seq) = next_seq else { return Ok(None) };
    let rows = Box::new(ai_usage::session_id.eq(id_param(*id)).and(constant(true)));
    let sums = total(SumStatement::of(rows).load(conn).await?)?;
    let messages = u64::try_from(next_seq - 1)
        .map_err(|_| corrupt(format!("session {id} has the number {next_seq}")))?;
    let too_large = |what: &str| corrupt(format!("the {what} of session {id} exceed 64 bits"));
    let tokens = |sum: u128, what: &str| u64::try_from(sum).map_err(|_| too_large(what));
    let money = |sum: UsdSum, what: &str| {
        Ok::<_, QueryError>(Usd::from_pico(i64::try_from(sum.pico()).map_err(|_| too_large(what))?))
    };
    Ok(Some(SessionTotals {
        messages,
        input_tokens: tokens(sums.input_tokens, "input tokens")?,
        output_tokens: tokens(sums.output_tokens, "output tokens")?,
        cached_tokens: tokens(sums.cached_tokens, "cached tokens")?,
        cache_write_tokens: tokens(sums.cache_write_tokens, "written tokens")?,
        cost: money(sums.cost, "costs")?,
        cache_saved: money(sums.cache_saved, "savings")?,
    }))
}
