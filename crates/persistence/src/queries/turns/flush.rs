//! Writes of a running turn: flushed text, the next attempt, and the request to cancel.

use std::collections::{HashMap, HashSet};

use causerie_domain::messages::PartKind;
use causerie_domain::ports::{CancelRequest, LeaseStatus, NextAttempt, TurnFlush, TurnStoreError};
use causerie_domain::turns::{ContextReport, Segment, Turn};
use causerie_domain::{SessionId, Timestamp, TurnId};
use diesel::dsl::{case_when, max};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};

use super::super::{Conn, Db, RunQueryDsl, Sequence, budgets, padded, sql_literals, usage};
use super::{lease, reap};
use crate::error::{QueryError, TransactionError};
use crate::input::FlushTurns;
use crate::rows::{SegmentRow, TurnRow, checked_text, context_text, stored, turn_requests_text};
use crate::schema::{segments, sessions, turns};
use crate::types::{IdParam, SqlId, id_param};

/// Renews the leases of turns and stores their changes. The statements that every turn needs are one for all turns.
pub(crate) async fn flush(conn: &mut Conn, flush: &FlushTurns) -> Result<Vec<LeaseStatus>, QueryError> {
    let states = lock_and_renew(conn, flush).await?;
    let mut segments = Vec::new();
    let mut statuses = Vec::with_capacity(flush.turns.len());
    for turn in &flush.turns {
        let Some(state) = states.get(&turn.turn_id) else {
            statuses.push(LeaseStatus::Lost { turn_id: turn.turn_id });
            continue;
        };
        let flushed = turn.segments.as_slice();
        match flushed.first() {
            Some(first) if state.newest_position.is_some_and(|newest| newest >= stored(first.position)) => {
                replace_segments(conn, turn.turn_id, flushed).await?;
            }
            _ => segments.extend(flushed.iter().map(|segment| (turn.turn_id, segment))),
        }
        update_columns(conn, turn, state.session_id).await?;
        statuses.push(LeaseStatus::Held { turn_id: turn.turn_id, cancel_requested: state.cancel_requested });
    }
    insert_segments(conn, &segments).await?;
    Ok(statuses)
}

/// Flushes turns with large text. The text is written before the sessions are locked, so that the renewals of their
/// leases, each one transaction with the flush of other turns, do not wait for it.
pub(crate) async fn flush_large(conn: &mut Conn, large: &FlushTurns) -> Result<Vec<LeaseStatus>, QueryError> {
    for turn in &large.turns {
        replace_segments(conn, turn.turn_id, &turn.segments).await?;
    }
    let without_text = |turn: &TurnFlush| TurnFlush {
        turn_id: turn.turn_id,
        segments: Vec::new(),
        progress: turn.progress.clone(),
        context: turn.context,
        requests: turn.requests.clone(),
    };
    let turns = large.turns.iter().map(without_text).collect();
    let statuses = flush(conn, &FlushTurns { turns, ..*large }).await?;
    for status in &statuses {
        // The turn is closed, and its answer has the text that was flushed in time.
        if let LeaseStatus::Lost { turn_id } = status {
            reap::deletion_of_segments(*turn_id).apply(conn).await?;
        }
    }
    Ok(statuses)
}

/// What a flush reads of a turn.
struct StoredState {
    session_id: SessionId,
    cancel_requested: bool,
    newest_position: Option<i64>,
}

/// A turn, its session, whether its cancellation was requested, and the position of its newest segment.
type StateRow = (TurnId, SessionId, bool, Option<i64>);

/// Locks the turns of a flush whose leases its owner holds, renews the leases, and returns the turns.
async fn lock_and_renew(
    conn: &mut Conn,
    flush: &FlushTurns,
) -> Result<HashMap<TurnId, StoredState>, QueryError> {
    let ids: Vec<IdParam> = padded(flush.turns.iter().map(|turn| id_param(turn.turn_id)).collect());
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let newest = segments::table
        .filter(segments::turn_id.eq(turns::id))
        .select(max(segments::position))
        .single_value();
    let states = turns::table
        .filter(turns::id.eq_any(ids.clone()))
        .select((turns::id, turns::session_id, turns::cancel_requested, newest))
        .cached();
    let (mut held, mut rows): (_, Vec<StateRow>) = (Vec::new(), Vec::new());
    let locks = lease::lock_all(Sequence::first(), &ids, flush.owner, flush.lease, &mut held);
    // A statement of its own: while the first one waits for a lock, another flush may add segments.
    locks.load(states, &mut rows).run(conn).await?;
    lease::renew(conn, &held, flush.lease).await?;
    let held: HashSet<TurnId> = held.into_iter().map(|(turn, _)| turn).collect();
    let states = rows.into_iter().map(|(id, session_id, cancel_requested, newest_position)| {
        (id, StoredState { session_id, cancel_requested, newest_position })
    });
    Ok(states.filter(|(id, _)| held.contains(id)).collect())
}

/// Stores what few flushes of a turn contain: the progress of its usage, the report of its context, its requests.
async fn update_columns(conn: &mut Conn, turn: &TurnFlush, session: SessionId) -> Result<(), QueryError> {
    if let Some((id, progress)) = &turn.progress {
        usage::update_progress(conn, Some(turn.turn_id), *id, progress).await?;
    }
    let context = turn.context.as_ref().map(context_text).transpose()?;
    let requests = turn.requests.as_deref().map(turn_requests_text).transpose()?;
    if context.is_some() || requests.is_some() {
        diesel::update(turns::table.filter(turns::id.eq(id_param(turn.turn_id))))
            .set((
                context.map(|context| turns::context.eq(context)),
                requests.map(|requests| turns::requests.eq(requests)),
            ))
            .cached()
            .apply(conn)
            .await?;
    }
    match &turn.context {
        Some(context) => store_cut(conn, session, context).await,
        None => Ok(()),
    }
}

/// Stores the beginning of the history with the session if a report declares a cut.
async fn store_cut(conn: &mut Conn, session: SessionId, report: &ContextReport) -> Result<(), QueryError> {
    if let Some(first_seq) = lease::cut(report) {
        diesel::update(sessions::table.filter(sessions::id.eq(id_param(session))))
            .set(sessions::history_from_seq.eq(first_seq))
            .cached()
            .apply(conn)
            .await?;
    }
    Ok(())
}

/// Writes the segments of a flush that may have been stored before. A flush whose response was lost is repeated from the
/// same position, possibly with more text and other boundaries, and replaces the segments of the first try. A flush that
/// arrives after a newer one has no effect, since it must not remove newer text.
async fn replace_segments(conn: &mut Conn, turn: TurnId, flushed: &[Segment]) -> Result<(), QueryError> {
    let (Some(first), Some(last)) = (flushed.first(), flushed.last()) else { return Ok(()) };
    let stored_end = newest_segment(conn, turn).await?.map_or(0, |newest| newest.end());
    if stored_end > last.end() {
        return Ok(());
    }
    if stored_end > first.position {
        diesel::delete(segments::table)
            .filter(segments::turn_id.eq(id_param(turn)))
            .filter(segments::position.ge(stored(first.position)))
            .apply(conn)
            .await?;
    }
    let segments: Vec<_> = flushed.iter().map(|segment| (turn, segment)).collect();
    insert_segments(conn, &segments).await
}

/// Inserts segments of any turns. Those without text are left out.
async fn insert_segments(conn: &mut Conn, flushed: &[(TurnId, &Segment)]) -> Result<(), QueryError> {
    let rows: Vec<SegmentInsert<'_>> = flushed
        .iter()
        .filter(|(_, segment)| !segment.text.is_empty())
        .map(|(turn, segment)| {
            Ok(SegmentInsert {
                turn_id: id_param(*turn),
                position: stored(segment.position),
                kind: segment.kind.as_str(),
                text: checked_text("segments.text", &segment.text)?,
            })
        })
        .collect::<Result<_, QueryError>>()?;
    let (mut sequence, mut rest) = (Sequence::default(), rows.as_slice());
    while !rest.is_empty() {
        // Powers of two: the statements have few texts, and stay prepared.
        let (rows, later) = rest.split_at(1 << rest.len().ilog2());
        sequence = sequence.apply(InsertSegments { rows }.cached());
        rest = later;
    }
    Ok(sequence.run(conn).await?)
}

/// Row of an insertion of segments.
struct SegmentInsert<'a> {
    turn_id: IdParam,
    position: i64,
    kind: &'static str,
    text: &'a str,
}

/// Statement that inserts several segments. Diesel executes one statement for each row of a list on SQLite.
struct InsertSegments<'a> {
    rows: &'a [SegmentInsert<'a>],
}

impl QueryId for InsertSegments<'_> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Db> for InsertSegments<'_> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        pass.push_sql("INSERT INTO segments (turn_id, position, kind, text) VALUES ");
        for (index, row) in self.rows.iter().enumerate() {
            pass.push_sql(if index == 0 { "(" } else { ", (" });
            pass.push_bind_param::<SqlId, _>(&row.turn_id)?;
            pass.push_sql(", ");
            pass.push_bind_param::<BigInt, _>(&row.position)?;
            pass.push_sql(", ");
            pass.push_bind_param::<Text, _>(row.kind)?;
            pass.push_sql(", ");
            pass.push_bind_param::<Text, _>(row.text)?;
            pass.push_sql(")");
        }
        Ok(())
    }
}

/// Returns the newest segment. A file is not read: only its length of one matters.
async fn newest_segment(conn: &mut Conn, turn: TurnId) -> Result<Option<Segment>, QueryError> {
    let file = PartKind::File.as_str();
    let text = case_when(segments::kind.eq(file), file.into_sql::<Text>()).otherwise(segments::text);
    let row: Option<SegmentRow> = segments::table
        .filter(segments::turn_id.eq(id_param(turn)))
        .order(segments::position.desc())
        .select((segments::position, segments::kind, text))
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(Segment::try_from).transpose()?)
}

pub(crate) async fn begin_attempt(
    conn: &mut Conn,
    next: &NextAttempt,
) -> Result<(), TransactionError<TurnStoreError>> {
    if !lease::lock(conn, next.turn_id, next.owner).await? {
        return Err(TransactionError::Refused(TurnStoreError::Lost));
    }
    // The call is repeated after a lost response; the row exists then.
    if usage::exists(conn, next.turn_id, next.open.id).await? {
        return Ok(());
    }
    let closed = usage::close(conn, Some(next.turn_id), &next.close).await?;
    let open = usage::with_references_of(conn, next.close.id, &next.open).await?;
    usage::opening(&open)?.apply(conn).await?;
    Ok(budgets::transfer(conn, &open, closed.reserved).await?)
}

/// Requests the cancellation of a session's running turn. A turn whose lease has expired is closed instead, since it
/// has no owner that could stop it.
pub(crate) async fn request_cancel(
    conn: &mut Conn,
    request: &CancelRequest,
) -> Result<Option<Turn>, QueryError> {
    let now: Option<i64> = diesel::select(sql_literals::Now).get_result(conn).await?;
    let now = Timestamp::from_micros(now.unwrap_or_default());
    let session = request.session_id;
    if request.running_here.is_none() && lease::release_expired(conn, session, now).await? {
        return reap::close_running(conn, session, now).await;
    }
    let row: Option<TurnRow> = diesel::update(turns::table)
        .filter(turns::session_id.eq(id_param(session)))
        .filter(sql_literals::Running)
        .set(turns::cancel_requested.eq(true))
        .returning(TurnRow::as_returning())
        .cached()
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map(Turn::try_from).transpose()?)
}
