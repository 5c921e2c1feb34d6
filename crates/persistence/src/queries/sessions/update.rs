//! Changing sessions: one guarded statement each, and a look at the row only where the guard refused.

use causerie_domain::ports::SessionError;
use causerie_domain::sessions::{InvalidTransition, Session, SessionState};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::super::{Conn, filters};
use super::read;
use crate::error::{Abort, unavailable};
use crate::input::{ChangeState, Delete, Rename};
use crate::rows::{SessionRow, text};
use crate::schema::sessions;
use crate::types::{Key, key};

/// How often a change is tried whose guard and the look at the row contradict each other, because others change it.
const TRIES: u32 = 3;

pub(crate) async fn rename(conn: &mut Conn, rename: &Rename) -> Result<Session, Abort<SessionError>> {
    let title = rename.title.as_deref().map(|title| text("sessions.title", title)).transpose()?;
    let renamed: Option<SessionRow> = diesel::update(
        sessions::table
            .filter(sessions::id.eq(key(rename.id)))
            .filter(sessions::deleted_at.is_null())
            .filter(filters::on_sessions(&rename.allowed)?),
    )
    .set(sessions::title.eq(title))
    .returning(SessionRow::as_returning())
    .get_result(conn)
    .await
    .optional()?;
    match renamed {
        Some(row) => Ok(row.try_into()?),
        None => Err(Abort::Refused(SessionError::NotFound)),
    }
}

pub(crate) async fn change_state(
    conn: &mut Conn,
    change: &ChangeState,
) -> Result<Session, Abort<SessionError>> {
    let target = change.action.target();
    for _ in 0..TRIES {
        if let Some(changed) = try_change(conn, change).await? {
            return Ok(changed.try_into()?);
        }
        let found = read::by_id(conn, &(change.id, change.allowed.clone())).await?;
        let session = found.ok_or(Abort::Refused(SessionError::NotFound))?;
        if session.state == target {
            return Ok(session);
        }
        if !change.action.sources().contains(&session.state) {
            let refusal = InvalidTransition { from: session.state, action: change.action };
            return Err(Abort::Refused(refusal.into()));
        }
    }
    Err(unavailable("the session's state changes all the time").into())
}

async fn try_change(
    conn: &mut Conn,
    change: &ChangeState,
) -> Result<Option<SessionRow>, Abort<SessionError>> {
    let target = change.action.target();
    let sources: Vec<&str> = change.action.sources().iter().map(|state| state.as_str()).collect();
    let ended_at = (target == SessionState::Completed).then_some(change.now.as_micros());
    let changed = diesel::update(
        sessions::table
            .filter(sessions::id.eq(key(change.id)))
            .filter(sessions::deleted_at.is_null())
            .filter(sessions::state.eq_any(sources))
            .filter(filters::on_sessions(&change.allowed)?),
    )
    .set((sessions::state.eq(target.as_str()), sessions::ended_at.eq(ended_at)))
    .returning(SessionRow::as_returning())
    .get_result(conn)
    .await
    .optional()?;
    Ok(changed)
}

pub(crate) async fn delete(conn: &mut Conn, delete: &Delete) -> Result<(), Abort<SessionError>> {
    let deleted = diesel::update(
        sessions::table
            .filter(sessions::id.eq(key(delete.id)))
            .filter(sessions::deleted_at.is_null())
            .filter(filters::on_sessions(&delete.allowed)?),
    )
    .set(sessions::deleted_at.eq(delete.now.as_micros()))
    .execute(conn)
    .await?;
    if deleted == 0 {
        return Err(Abort::Refused(SessionError::NotFound));
    }
    // Its forks are whole without it.
    diesel::update(sessions::table.filter(sessions::parent_session_id.eq(key(delete.id))))
        .set(sessions::parent_session_id.eq(None::<Key>))
        .execute(conn)
        .await?;
    Ok(())
}
