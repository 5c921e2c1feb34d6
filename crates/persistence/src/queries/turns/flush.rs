//! Writes of a running turn: flushed text, the next attempt, and the request to cancel.

use causerie_domain::messages::PartKind;
use causerie_domain::ports::{CancelRequest, LeaseStatus, NextAttempt, TurnFlush, TurnStoreError};
use causerie_domain::turns::{ContextReport, Segment, Turn};
use causerie_domain::{SessionId, Timestamp, TurnId};
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::super::{Conn, RunQueryDsl, budgets, sql_literals, usage};
use super::{lease, reap};
use crate::error::{QueryError, TransactionError};
use crate::input::FlushTurns;
use crate::rows::{SegmentRow, TurnRow, checked_text, context_text, stored, turn_requests_text};
use crate::schema::{segments, sessions, turns};
use crate::types::id_param;

pub(crate) async fn flush(conn: &mut Conn, flush: &FlushTurns) -> Result<Vec<LeaseStatus>, QueryError> {
    let mut order: Vec<usize> = (0..flush.turns.len()).collect();
    order.sort_by_key(|index| flush.turns[*index].turn_id);
    let mut statuses: Vec<(usize, LeaseStatus)> = Vec::with_capacity(order.len());
    for index in order {
        statuses.push((index, flush_one(conn, flush, &flush.turns[index]).await?));
    }
    statuses.sort_by_key(|(index, _)| *index);
    Ok(statuses.into_iter().map(|(_, status)| status).collect())
}

/// Flushes turns with large text. The text is written before the sessions are locked, so that the renewals of their
/// leases, each one transaction with the flush of other turns, do not wait for it.
pub(crate) async fn flush_large(conn: &mut Conn, large: &FlushTurns) -> Result<Vec<LeaseStatus>, QueryError> {
    for turn in &large.turns {
        write_segments(conn, turn.turn_id, &turn.segments).await?;
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
            reap::drop_segments(conn, *turn_id).await?;
        }
    }
    Ok(statuses)
}

async fn flush_one(
    conn: &mut Conn,
    flush: &FlushTurns,
    flush_of_turn: &TurnFlush,
) -> Result<LeaseStatus, QueryError> {
    let turn_id = flush_of_turn.turn_id;
    if !lease::renew(conn, turn_id, flush.owner, flush.lease).await? {
        return Ok(LeaseStatus::Lost { turn_id });
    }
    write_segments(conn, turn_id, &flush_of_turn.segments).await?;
    if let Some((id, progress)) = &flush_of_turn.progress {
        usage::update_progress(conn, Some(turn_id), *id, progress).await?;
    }
    let context = flush_of_turn.context.as_ref().map(context_text).transpose()?;
    let requests = flush_of_turn.requests.as_deref().map(turn_requests_text).transpose()?;
    let cancel_requested = match context.is_some() || requests.is_some() {
        true => {
            let (cancel_requested, session): (bool, SessionId) =
                diesel::update(turns::table.filter(turns::id.eq(id_param(turn_id))))
                    .set((
                        context.map(|context| turns::context.eq(context)),
                        requests.map(|requests| turns::requests.eq(requests)),
                    ))
                    .returning((turns::cancel_requested, turns::session_id))
                    .cached()
                    .get_result(conn)
                    .await?;
            if let Some(context) = &flush_of_turn.context {
                store_cut(conn, session, context).await?;
            }
            cancel_requested
        }
        false => {
            turns::table
                .filter(turns::id.eq(id_param(turn_id)))
                .select(turns::cancel_requested)
                .first(conn)
                .await?
        }
    };
    Ok(LeaseStatus::Held { turn_id, cancel_requested })
}

/// Stores the beginning of the history with the session if a report declares a cut.
pub(super) async fn store_cut(
    conn: &mut Conn,
    session: SessionId,
    report: &ContextReport,
) -> Result<(), QueryError> {
    if let Some(first_seq) = report.first_seq.filter(|_| report.is_cut) {
        diesel::update(sessions::table.filter(sessions::id.eq(id_param(session))))
            .set(sessions::history_from_seq.eq(first_seq))
            .cached()
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Writes the segments of a flush. A flush whose response was lost is repeated from the same position, possibly with
/// more text and other boundaries, and replaces the segments of the first try. A flush that arrives after a newer one
/// has no effect, since it must not remove newer text.
async fn write_segments(conn: &mut Conn, turn: TurnId, flushed: &[Segment]) -> Result<(), QueryError> {
    let (Some(first), Some(last)) = (flushed.first(), flushed.last()) else { return Ok(()) };
    let stored_end = newest_segment(conn, turn).await?.map_or(0, |newest| newest.end());
    if stored_end > last.end() {
        return Ok(());
    }
    if stored_end > first.position {
        diesel::delete(segments::table)
            .filter(segments::turn_id.eq(id_param(turn)))
            .filter(segments::position.ge(stored(first.position)))
            .execute(conn)
            .await?;
    }
    for segment in flushed.iter().filter(|segment| !segment.text.is_empty()) {
        diesel::insert_into(segments::table)
            .values((
                segments::turn_id.eq(id_param(turn)),
                segments::position.eq(stored(segment.position)),
                segments::kind.eq(segment.kind.as_str()),
                segments::text.eq(checked_text("segments.text", &segment.text)?),
            ))
            .execute(conn)
            .await?;
    }
    Ok(())
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
    let reserved = usage::close(conn, Some(next.turn_id), &next.close).await?.reserved;
    let open = usage::with_references_of(conn, next.close.id, &next.open).await?;
    usage::open(conn, &open).await?;
    Ok(budgets::transfer(conn, &open, reserved).await?)
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
