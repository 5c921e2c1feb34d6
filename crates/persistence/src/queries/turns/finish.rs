//! Finishing a turn: answer, usage and release of the session in one transaction.

use causerie_domain::MessageId;
use causerie_domain::ports::{FinishTurn, TurnStoreError};
use causerie_domain::turns::{Turn, TurnStatus};
use causerie_domain::usage::MessageUsage;
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;

use super::super::{Conn, Db, RunQueryDsl, Together, messages as message_queries, usage};
use super::{flush, lease, read, reap};
use crate::error::{QueryError, TransactionError, corrupt};
use crate::input::EndTurn;
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
    let running = turn.filter(|turn| turn.status == TurnStatus::Running);
    if let Some(turn) = &running {
        answer(ended, turn.assistant_message_id).apply(conn).await?;
        reap::deletion_of_segments(turn.id).apply(conn).await?;
    }
    release(conn, ended, running.is_some()).await
}

pub(crate) async fn finish(
    conn: &mut Conn,
    ended: &EndTurn,
) -> Result<(Turn, MessageUsage), TransactionError<TurnStoreError>> {
    release(conn, ended, false).await
}

/// Releases the session and ends the turn. The transaction is rolled back if this owner no longer holds the lease.
async fn release(
    conn: &mut Conn,
    ended: &EndTurn,
    is_written: bool,
) -> Result<(Turn, MessageUsage), TransactionError<TurnStoreError>> {
    let finish = &ended.finish;
    let last_request = finish.last_request.as_ref();
    let is_held = lease::release(conn, finish.turn_id, finish.owner, finish.ended_at, last_request).await?;
    let (turn, usage) = match is_held {
        true => {
            let turn = end(conn, finish).await?;
            if let Some(context) = &finish.context {
                flush::store_cut(conn, turn.session_id, context).await?;
            }
            let mut writes = Together::default();
            if !is_written {
                writes.add(answer(ended, turn.assistant_message_id));
            }
            let (session, answer_seq, marks) = (turn.session_id, turn.assistant_seq, &finish.marks);
            if !marks.accepted.is_empty() {
                writes.add(message_queries::acceptance(session, answer_seq, &marks.accepted));
            }
            writes.add(reap::deletion_of_segments(turn.id));
            let closed = usage::close(conn, writes, Some(turn.id), &finish.usage).await?;
            message_queries::withhold(conn, session, answer_seq, &marks.withheld).await?;
            let usage = usage::of_closed(conn, turn.id, closed).await?;
            (turn, usage)
        }
        false if is_written => return Err(TransactionError::Refused(TurnStoreError::Lost)),
        false => {
            let turn = ended_before(conn, finish).await?;
            let turn = turn.ok_or(TransactionError::Refused(TurnStoreError::Lost))?;
            let usage = usage::of_turn(conn, turn.id).await?;
            (turn, usage)
        }
    };
    let usage = usage.ok_or_else(|| corrupt(format!("turn {} has no ledger row", turn.id)))?;
    Ok((turn, usage))
}

async fn end(conn: &mut Conn, finish: &FinishTurn) -> Result<Turn, QueryError> {
    let failure = finish.failure.as_ref();
    let context = finish.context.as_ref().map(context_text).transpose()?;
    let requests = match finish.requests.as_slice() {
        [] => None,
        requests => Some(turn_requests_text(requests)?),
    };
    let row: TurnRow = diesel::update(turns::table.filter(turns::id.eq(id_param(finish.turn_id))))
        .set((
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
        ))
        .returning(TurnRow::as_returning())
        .cached()
        .get_result(conn)
        .await?;
    Ok(row.try_into()?)
}

/// Returns the statement that writes an answer.
fn answer(ended: &EndTurn, message: MessageId) -> impl QueryFragment<Db> + RunQueryDsl + Send + '_ {
    diesel::update(messages::table.filter(messages::id.eq(id_param(message))))
        .set((
            messages::status.eq(ended.finish.status.of_message().as_str()),
            messages::content.eq(&ended.content),
            messages::parts.eq(&ended.parts),
            messages::reasoning_details.eq(ended.reasoning_details.as_ref()),
            messages::meta.eq(meta_text(&ended.finish.meta)),
        ))
        .cached()
}

/// Returns the turn, if an earlier try of this call ended it and its response was lost.
async fn ended_before(conn: &mut Conn, finish: &FinishTurn) -> Result<Option<Turn>, QueryError> {
    let turn = read::plain(conn, finish.turn_id).await?;
    Ok(turn.filter(|turn| {
        turn.owner == finish.owner && turn.status == finish.status && turn.ended_at == Some(finish.ended_at)
    }))
}
