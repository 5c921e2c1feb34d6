//! What is learnt while a turn runs: new text, the next request, and the wish that it stop.

use causerie_domain::ports::{LeaseStatus, NextAttempt, TurnFlush, TurnLedgerError};
use causerie_domain::turns::{Segment, Turn};
use causerie_domain::{SessionId, Timestamp, TurnId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::super::{Conn, budgets, sql_literals, usage};
use super::{lease, reap};
use crate::error::{Abort, Fault};
use crate::input::Flush;
use crate::rows::{TurnRow, context_text, stored, text};
use crate::schema::{segments, turns};
use crate::types::key;

pub(crate) async fn flush(conn: &mut Conn, flush: &Flush) -> Result<Vec<LeaseStatus>, Fault> {
    let mut order: Vec<usize> = (0..flush.turns.len()).collect();
    order.sort_by_key(|place| flush.turns[*place].turn_id);
    let mut holds: Vec<(usize, LeaseStatus)> = Vec::with_capacity(order.len());
    for place in order {
        holds.push((place, flush_one(conn, flush, &flush.turns[place]).await?));
    }
    holds.sort_by_key(|(place, _)| *place);
    Ok(holds.into_iter().map(|(_, hold)| hold).collect())
}

async fn flush_one(conn: &mut Conn, flush: &Flush, news: &TurnFlush) -> Result<LeaseStatus, Fault> {
    let turn_id = news.turn_id;
    if !lease::renew(conn, turn_id, flush.owner, flush.lease).await? {
        return Ok(LeaseStatus::Lost { turn_id });
    }
    write_segments(conn, turn_id, &news.segments).await?;
    if let Some((id, progress)) = &news.progress {
        usage::note(conn, turn_id, *id, progress).await?;
    }
    let cancel_requested = match &news.context {
        Some(context) => {
            diesel::update(turns::table.filter(turns::id.eq(key(turn_id))))
                .set(turns::context.eq(context_text(context)?))
                .returning(turns::cancel_requested)
                .get_result(conn)
                .await?
        }
        None => {
            turns::table
                .filter(turns::id.eq(key(turn_id)))
                .select(turns::cancel_requested)
                .first(conn)
                .await?
        }
    };
    Ok(LeaseStatus::Held { turn_id, cancel_requested })
}

/// A flush whose answer was lost is sent again from where it began, perhaps with more text and cut at other places:
/// it replaces what it wrote the first time. One that arrives after a newer one has nothing to add, and must not
/// take the newer text away.
async fn write_segments(conn: &mut Conn, turn: TurnId, news: &[Segment]) -> Result<(), Fault> {
    let (Some(first), Some(last)) = (news.first(), news.last()) else { return Ok(()) };
    let newest: Option<(i64, String)> = segments::table
        .filter(segments::turn_id.eq(key(turn)))
        .order(segments::position.desc())
        .select((segments::position, segments::text))
        .first(conn)
        .await
        .optional()?;
    let is_newer = |(position, text): (i64, String)| {
        position.saturating_add(stored(text.chars().count() as u64)) > stored(last.end())
    };
    if newest.is_some_and(is_newer) {
        return Ok(());
    }
    diesel::delete(segments::table)
        .filter(segments::turn_id.eq(key(turn)))
        .filter(segments::position.ge(stored(first.position)))
        .execute(conn)
        .await?;
    for segment in news.iter().filter(|segment| !segment.text.is_empty()) {
        diesel::insert_into(segments::table)
            .values((
                segments::turn_id.eq(key(turn)),
                segments::position.eq(stored(segment.position)),
                segments::kind.eq(segment.kind.as_str()),
                segments::text.eq(text("segments.text", &segment.text)?),
            ))
            .execute(conn)
            .await?;
    }
    Ok(())
}

pub(crate) async fn begin_attempt(conn: &mut Conn, next: &NextAttempt) -> Result<(), Abort<TurnLedgerError>> {
    if !lease::lock(conn, next.turn_id, next.owner).await? {
        return Err(Abort::Refused(TurnLedgerError::Lost));
    }
    // A step whose answer was lost is sent again: it is done already.
    if usage::exists(conn, next.turn_id, next.open.id).await? {
        return Ok(());
    }
    let reserved = usage::close(conn, next.turn_id, &next.close).await?;
    usage::open(conn, &next.open).await?;
    Ok(budgets::transfer(conn, &next.open, reserved).await?)
}

/// Asks the running turn of a session to stop. One whose owner is gone is closed instead: nobody else would.
pub(crate) async fn request_cancel(conn: &mut Conn, session: &SessionId) -> Result<Option<Turn>, Fault> {
    let now: Option<i64> = diesel::select(sql_literals::Now).get_result(conn).await?;
    let now = Timestamp::from_micros(now.unwrap_or_default());
    if lease::release_expired(conn, *session, now).await? {
        return reap::close_running(conn, *session, now).await;
    }
    let row: Option<TurnRow> = diesel::update(turns::table)
        .filter(turns::session_id.eq(key(*session)))
        .filter(sql_literals::Running)
        .set(turns::cancel_requested.eq(true))
        .returning(TurnRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    Ok(row.map(Turn::try_from).transpose()?)
}
