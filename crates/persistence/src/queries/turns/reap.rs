//! Closing turns whose process has ended: the flushed text becomes the answer, and the reconciler prices the ledger
//! row.

use causerie_domain::messages::content_of;
use causerie_domain::ports::{Reap, ReapScope};
use causerie_domain::turns::{Segment, Turn, TurnStatus, parts_of};
use causerie_domain::{SessionId, Timestamp, TurnId};
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;

use super::super::{Conn, Db, RunQueryDsl, sql_literals, usage};
use super::{lease, read};
use crate::error::QueryError;
use crate::input::ReapSession;
use crate::rows::{TurnRow, parts_text};
use crate::schema::{messages, segments, sessions, turns};
use crate::types::{IdParam, id_param};

/// Closes the running turn of a session, if it is in the scope.
pub(crate) async fn reap(conn: &mut Conn, reap: &ReapSession) -> Result<Option<Turn>, QueryError> {
    let (session, now) = (reap.session_id, reap.now);
    match reap.scope {
        // An owner that has renewed its lease meanwhile keeps its turn.
        ReapScope::Expired if !lease::release_expired(conn, session, now).await? => return Ok(None),
        ReapScope::Expired => {}
        ReapScope::Everything => lease::release_any(conn, session, now).await?,
    }
    close_running(conn, session, now).await
}

/// Returns the sessions whose running turn is in the scope, up to the limit, in the order in which sessions are locked.
pub(crate) async fn reapable(conn: &mut Conn, reap: &Reap) -> Result<Vec<SessionId>, QueryError> {
    let mut query = sessions::table
        .filter(sessions::active_turn_id.is_not_null())
        .select(sessions::id)
        .order(sessions::active_turn_id)
        .limit(i64::from(reap.limit))
        .into_boxed();
    if reap.scope == ReapScope::Expired {
        query = query.filter(sessions::lease_until.le(sql_literals::Now));
    }
    if !reap.running_here.is_empty() {
        let held: Vec<IdParam> = reap.running_here.iter().copied().map(id_param).collect();
        query = query.filter(sessions::active_turn_id.ne_all(held));
    }
    Ok(query.load(conn).await?)
}

/// Closes the running turn of a session that the caller has locked and released. No effect if no turn runs.
pub(super) async fn close_running(
    conn: &mut Conn,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<Turn>, QueryError> {
    let row: Option<TurnRow> = diesel::update(turns::table)
        .filter(turns::session_id.eq(id_param(session)))
        .filter(sql_literals::Running)
        .set((turns::status.eq(TurnStatus::Interrupted.as_str()), turns::ended_at.eq(now.as_micros())))
        .returning(TurnRow::as_returning())
        .cached()
        .get_result(conn)
        .await
        .optional()?;
    let Some(turn) = row.map(Turn::try_from).transpose()? else { return Ok(None) };
    let flushed: Vec<Segment> = read::flushed_text(conn, turn.id).await?;
    let parts = parts_of(&flushed);
    diesel::update(messages::table.filter(messages::id.eq(id_param(turn.assistant_message_id))))
        .set((
            messages::status.eq(turn.status.of_message().as_str()),
            messages::content.eq(content_of(&parts)),
            messages::parts.eq(parts_text(&parts)?),
        ))
        .cached()
        .apply(conn)
        .await?;
    if !parts.is_empty() {
        diesel::update(messages::table.filter(messages::id.eq(id_param(turn.user_message_id))))
            .set((messages::accepted.eq(true), messages::withheld_from.eq(None::<i64>)))
            .cached()
            .apply(conn)
            .await?;
    }
    usage::interrupt(conn, turn.id, now).await?;
    deletion_of_segments(turn.id).apply(conn).await?;
    Ok(Some(turn))
}

/// Returns the statement that deletes the segments of a turn. Its answer holds the text.
pub(super) fn deletion_of_segments(turn: TurnId) -> impl QueryFragment<Db> + RunQueryDsl + Send + 'static {
    let of_turn = segments::table.filter(sql_literals::Begun).filter(segments::turn_id.eq(id_param(turn)));
    diesel::delete(of_turn)
}
