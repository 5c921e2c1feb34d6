//! The start of a turn as it would be now, without a change.

use causerie_domain::messages::{Message, MessageStatus, MessageView, content_of};
use causerie_domain::ports::{BeginTurn, BeginTurnError, TurnPreview};
use causerie_domain::sessions::Session;
use causerie_domain::turns::parts_of;
use diesel::prelude::*;

use super::super::{Conn, RunQueryDsl, budgets, messages as message_queries, usage};
use super::begin::{history_range, why_refused};
use super::read;
use crate::error::{QueryError, TransactionError};
use crate::rows::SessionRow;
use crate::schema::sessions;
use crate::types::id_param;

pub(crate) async fn preview(
    conn: &mut Conn,
    begin: &BeginTurn,
) -> Result<TurnPreview, TransactionError<BeginTurnError>> {
    let refusal = match why_refused(conn, begin).await? {
        Some(gone @ (BeginTurnError::NotFound | BeginTurnError::UserDisabled)) => {
            return Err(TransactionError::Refused(gone));
        }
        refusal => refusal,
    };
    let row: SessionRow = sessions::table
        .filter(sessions::id.eq(id_param(begin.ids.session_id)))
        .select(SessionRow::as_select())
        .first(conn)
        .await?;
    let session = Session::try_from(row)?;
    let range = history_range(begin, &session, session.next_seq);
    let (mut history, earlier_messages) = message_queries::history(conn, &session, range).await?;
    message_queries::add_usage(conn, &mut history).await?;
    show_running_answer(conn, &session, &mut history).await?;
    let needed = begin.ceiling.and_then(|ceiling| ceiling.with_history(&history));
    let (budget_left, over_budget) = budgets::preview(conn, &begin.usage, needed).await?;
    let refusal = refusal.or(over_budget);
    let recent_outputs = match begin.usage.tool_id {
        Some(tool) => usage::recent_outputs(conn, tool, &begin.usage.model).await?,
        None => Vec::new(),
    };
    Ok(TurnPreview { session, history, earlier_messages, budget_left, refusal, recent_outputs })
}

/// Adds the flushed text to the answer of a running turn, as the reaper does it.
async fn show_running_answer(
    conn: &mut Conn,
    session: &Session,
    history: &mut [MessageView],
) -> Result<(), QueryError> {
    let (Some(turn), Some(answer)) = (session.active_turn_id, history.last_mut()) else { return Ok(()) };
    if answer.message.turn_id != Some(turn) || answer.message.status != MessageStatus::Pending {
        return Ok(());
    }
    let parts = parts_of(&read::flushed_text(conn, turn).await?);
    let message = Message {
        status: MessageStatus::Interrupted,
        content: content_of(&parts),
        parts,
        ..answer.message.clone()
    };
    answer.message = message.without_parts();
    Ok(())
}
