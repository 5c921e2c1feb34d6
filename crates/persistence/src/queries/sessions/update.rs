//! Updating sessions: one conditional update each. The row is read only if the update changed nothing.

use causerie_domain::UserId;
use causerie_domain::audit_events::AuditAction;
use causerie_domain::ports::SessionError;
use causerie_domain::sessions::{InvalidTransition, Session, SessionState};
use diesel::prelude::*;

use super::super::audit_events::record_on_session;
use super::super::{Conn, RunQueryDsl, filters};
use super::read;
use crate::error::{TransactionError, unavailable};
use crate::input::{ChangeSessionState, DeleteSession, RenameSession};
use crate::rows::{SessionRow, checked_text};
use crate::schema::sessions;
use crate::types::{IdParam, id_param};

/// How often a change is tried while concurrent changes make the update and the read contradict each other.
const TRIES: u32 = 3;

pub(crate) async fn rename(
    conn: &mut Conn,
    rename: &RenameSession,
) -> Result<Session, TransactionError<SessionError>> {
    let title = rename.title.as_deref().map(|title| checked_text("sessions.title", title)).transpose()?;
    let renamed: Option<SessionRow> = diesel::update(
        sessions::table
            .filter(sessions::id.eq(id_param(rename.id)))
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
        None => Err(TransactionError::Refused(SessionError::NotFound)),
    }
}

pub(crate) async fn change_state(
    conn: &mut Conn,
    change: &ChangeSessionState,
) -> Result<Session, TransactionError<SessionError>> {
    let target = change.action.target();
    for _ in 0..TRIES {
        if let Some(changed) = try_change(conn, change).await? {
            return Ok(changed.try_into()?);
        }
        let found = read::by_id(conn, &(change.id, change.allowed.clone())).await?;
        let session = found.ok_or(TransactionError::Refused(SessionError::NotFound))?;
        if session.state == target {
            return Ok(session);
        }
        if !change.action.sources().contains(&session.state) {
            let refusal = InvalidTransition { from: session.state, action: change.action };
            return Err(TransactionError::Refused(refusal.into()));
        }
    }
    Err(unavailable("the session's state changes concurrently").into())
}

async fn try_change(
    conn: &mut Conn,
    change: &ChangeSessionState,
) -> Result<Option<SessionRow>, TransactionError<SessionError>> {
    let target = change.action.target();
    let sources: Vec<&str> = change.action.sources().iter().map(|state| state.as_str()).collect();
    let ended_at = (target == SessionState::Completed).then_some(change.now.as_micros());
    let changed = diesel::update(
        sessions::table
            .filter(sessions::id.eq(id_param(change.id)))
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

pub(crate) async fn delete(
    conn: &mut Conn,
    delete: &DeleteSession,
) -> Result<(), TransactionError<SessionError>> {
    let stamp = &delete.stamp;
    let owner: Option<UserId> = diesel::update(
        sessions::table
            .filter(sessions::id.eq(id_param(delete.id)))
            .filter(sessions::deleted_at.is_null())
            .filter(filters::on_sessions(&delete.allowed)?),
    )
    .set(sessions::deleted_at.eq(stamp.at.as_micros()))
    .returning(sessions::user_id)
    .get_result(conn)
    .await
    .optional()?;
    let owner = owner.ok_or(TransactionError::Refused(SessionError::NotFound))?;
    if stamp.actor_id != Some(owner) {
        record_on_session(conn, &(AuditAction::SessionDelete, delete.id, *stamp)).await?;
    }
    // Forks are complete without their parent.
    diesel::update(sessions::table.filter(sessions::parent_session_id.eq(id_param(delete.id))))
        .set(sessions::parent_session_id.eq(None::<IdParam>))
        .apply(conn)
        .await?;
    Ok(())
}
