//! Creating sessions.

use causerie_domain::ports::NewSession;
use causerie_domain::sessions::Session;
use diesel::prelude::*;

use super::super::{Conn, RunQueryDsl, messages as message_queries};
use crate::error::QueryError;
use crate::rows::SessionRow;
use crate::schema::sessions;

/// Inserts a session with its greeting. Returns `None` if its id is taken.
pub(crate) async fn create(conn: &mut Conn, new: &NewSession) -> Result<Option<Session>, QueryError> {
    let row: Option<SessionRow> = diesel::insert_into(sessions::table)
        .values(SessionRow::try_from(new.session())?)
        .on_conflict(sessions::id)
        .do_nothing()
        .returning(SessionRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    if let Some(greeting) = new.first_message() {
        message_queries::insertion(greeting)?.apply(conn).await?;
    }
    Ok(Some(row.try_into()?))
}

/// Inserts a session and returns it.
pub(in super::super) async fn insert(conn: &mut Conn, session: Session) -> Result<Session, QueryError> {
    let row: SessionRow = diesel::insert_into(sessions::table)
        .values(SessionRow::try_from(session)?)
        .returning(SessionRow::as_returning())
        .get_result(conn)
        .await?;
    Ok(row.try_into()?)
}
