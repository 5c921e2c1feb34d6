//! Finishing a turn: answer, usage and release of the session in one transaction.

use causerie_domain::TurnId;
use causerie_domain::messages::MessageRole;
use causerie_domain::ports::{FinishTurn, StoreError, TurnStoreError};
use causerie_domain::turns::{Turn, TurnStatus};
use causerie_domain::usage::MessageUsage;
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;

use super::super::{
    Conn, Db, RunQueryDsl, Sequence, Together, messages as message_queries, sql_literals, usage,
};
use super::{lease, read, reap};
use crate::error::{QueryError, TransactionError, corrupt};
use crate::input::{EndTurn, RepeatedEnd};
use crate::rows::{TurnRow, context_text, meta_text, micros, sanitized, turn_requests_text};
use crate::schema::{messages, turns};
use crate::types::id_param;

/// Finishes a turn with a large answer. The answer is written before the session is locked, so that the renewal of the
/// lease, which is one transaction with the flush of other turns, does not wait for it.
pub(crate) async fn finish_large(
    conn: &mut Conn,
    ended: &EndTurn,
) -> Result<(Turn, MessageUsage), TransactionError<TurnStoreError>> {
    let turn = read::plain(conn, ended.finish.turn_id).await?;
    if turn.is_none_or(|turn| turn.status != TurnStatus::Running) {
        return Err(TransactionError::Refused(TurnStoreError::Lost));
    }
    answer(ended).apply(conn).await?;
    reap::deletion_of_segments(ended.finish.turn_id).apply(conn).await?;
    end(conn, ended, Together::default()).await
}

pub(crate) async fn finish(
    conn: &mut Conn,
    ended: &EndTurn,
) -> Result<(Turn, MessageUsage), TransactionError<TurnStoreError>> {
    let mut writes = Together::default();
    writes.add(answer(ended));
    writes.add(reap::deletion_of_segments(ended.finish.turn_id));
    end(conn, ended, writes).await
}

/// Releases the session and ends the turn. The transaction is rolled back if this owner no longer holds the lease.
async fn end<'q>(
    conn: &mut Conn,
    ended: &'q EndTurn,
    mut writes: Together<'q>,
) -> Result<(Turn, MessageUsage), TransactionError<TurnStoreError>> {
    let finish = &ended.finish;
    let (session, answer_seq, marks) = (finish.session_id, finish.answer_seq, &finish.marks);
    if !marks.accepted.is_empty() {
        writes.add(message_queries::acceptance(session, answer_seq, &marks.accepted));
    }
    let (mut released, mut turns, mut closed) = (0, Vec::new(), Vec::new());
    let sequence = lease::release(Sequence::first(), finish, &mut released)?;
    let sequence = ending(sequence, finish, &mut turns)?;
    let turn_id = Some(finish.turn_id);
    usage::closing(sequence, writes, turn_id, &finish.usage, &mut closed)?.run(conn).await?;
    let (1, Some(turn)) = (released, turns.pop()) else {
        return Err(TransactionError::Refused(TurnStoreError::Lost));
    };
    let turn = Turn::try_from(turn)?;
    let closed = usage::count_closed(conn, closed, turn_id, &finish.usage).await?;
    message_queries::withhold(conn, session, answer_seq, &marks.withheld).await?;
    let usage = usage::of_closed(conn, turn.id, closed).await?;
    Ok((turn, usage.ok_or_else(|| without_usage(finish.turn_id))?))
}

/// Adds the statement that ends a turn.
fn ending<'q>(
    sequence: Sequence<'q>,
    finish: &'q FinishTurn,
    rows: &'q mut Vec<TurnRow>,
) -> Result<Sequence<'q>, QueryError> {
    let failure = finish.failure.as_ref();
    let context = finish.context.as_ref().map(context_text).transpose()?;
    let requests = match finish.requests.as_slice() {
        [] => None,
        requests => Some(turn_requests_text(requests)?),
    };
    let running = turns::table
        .filter(sql_literals::Begun)
        .filter(turns::id.eq(id_param(finish.turn_id)))
        .filter(turns::owner.eq(id_param(finish.owner)))
        .filter(sql_literals::Running);
    let ended = diesel::update(running).set((
        turns::status.eq(finish.status.as_str()),
        turns::failure_code.eq(failure.map(|failure| failure.code.as_str())),
        turns::failure_detail.eq(failure.map(|failure| sanitized(&failure.detail))),
        turns::failure_retry_after_us.eq(failure.and_then(|failure| failure.retry_after).map(micros)),
        turns::failure_retryable.eq(failure.map(|failure| failure.retryable)),
        turns::finish_reason.eq(finish.finish_reason.as_deref().map(sanitized)),
        // Without a new report the flushed one is kept, and so are flushed requests.
        context.map(|context| turns::context.eq(context)),
        requests.map(|requests| turns::requests.eq(requests)),
        turns::ended_at.eq(finish.ended_at.as_micros()),
    ));
    Ok(sequence.load(ended.returning(TurnRow::as_returning()).cached(), rows))
}

/// Returns the statement that writes an answer.
fn answer(ended: &EndTurn) -> impl QueryFragment<Db> + RunQueryDsl + Send + '_ {
    let answer = messages::table
        .filter(sql_literals::Begun)
        .filter(messages::turn_id.eq(id_param(ended.finish.turn_id)))
        .filter(messages::role.eq(MessageRole::Assistant.as_str()));
    diesel::update(answer)
        .set((
            messages::status.eq(ended.finish.status.of_message().as_str()),
            messages::content.eq(&ended.content),
            messages::parts.eq(&ended.parts),
            messages::reasoning_details.eq(ended.reasoning_details.as_ref()),
            messages::meta.eq(meta_text(&ended.finish.meta)),
        ))
        .cached()
}

/// Returns a turn and its usage, if an earlier try of a call ended it and its response was lost.
pub(crate) async fn ended_before(
    conn: &mut Conn,
    end: &RepeatedEnd,
) -> Result<Option<(Turn, MessageUsage)>, QueryError> {
    let turn = read::plain(conn, end.turn_id).await?.filter(|turn| {
        turn.owner == end.owner && turn.status == end.status && turn.ended_at == Some(end.ended_at)
    });
    let Some(turn) = turn else { return Ok(None) };
    let usage = usage::of_turn(conn, turn.id).await?.ok_or_else(|| without_usage(turn.id))?;
    Ok(Some((turn, usage)))
}

fn without_usage(turn: TurnId) -> StoreError {
    corrupt(format!("turn {turn} has no ledger row"))
}
