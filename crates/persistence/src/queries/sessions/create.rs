//! Creating sessions.

use causerie_domain::messages::{MessageRole, MessageStatus};
use causerie_domain::ports::{NewGreeting, NewSession};
use causerie_domain::sessions::{Session, SessionState};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::super::Conn;
use crate::error::QueryError;
use crate::rows::{SessionRow, checked_text, parts_text, text_parts};
use crate::schema::{messages, sessions};
use crate::types::id_param;

pub(crate) async fn create(conn: &mut Conn, new: &NewSession) -> Result<Session, QueryError> {
    let title = new.title.as_deref().map(|title| checked_text("sessions.title", title)).transpose()?;
    let next_seq = if new.greeting.is_some() { 2 } else { 1 };
    let row: SessionRow = diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(id_param(new.id)),
            sessions::tool_id.eq(id_param(new.tool_id)),
            sessions::tool_version_id.eq(id_param(new.tool_version_id)),
            sessions::user_id.eq(id_param(new.user_id)),
            sessions::group_id.eq(new.group_id.map(id_param)),
            sessions::state.eq(SessionState::Active.as_str()),
            sessions::title.eq(title),
            sessions::next_seq.eq(next_seq),
            sessions::started_at.eq(new.started_at.as_micros()),
            sessions::last_activity_at.eq(new.started_at.as_micros()),
        ))
        .returning(SessionRow::as_returning())
        .get_result(conn)
        .await?;
    if let Some(greeting) = &new.greeting {
        insert_greeting(conn, new, greeting).await?;
    }
    Ok(row.try_into()?)
}

/// Inserts the tool's greeting: an assistant message without a turn and without usage.
async fn insert_greeting(
    conn: &mut Conn,
    new: &NewSession,
    greeting: &NewGreeting,
) -> Result<(), QueryError> {
    diesel::insert_into(messages::table)
        .values((
            messages::id.eq(id_param(greeting.id)),
            messages::session_id.eq(id_param(new.id)),
            messages::role.eq(MessageRole::Assistant.as_str()),
            messages::seq.eq(1),
            messages::status.eq(MessageStatus::Completed.as_str()),
            messages::content.eq(checked_text("messages.content", &greeting.text)?),
            messages::parts.eq(parts_text(&text_parts(&greeting.text))?),
            messages::meta.eq("{}"),
            messages::created_at.eq(new.started_at.as_micros()),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
