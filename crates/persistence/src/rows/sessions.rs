//! Rows of `sessions`.

use causerie_domain::Timestamp;
use causerie_domain::ports::StoreError;
use causerie_domain::sessions::Session;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::last_requests::{last_request, last_request_text};
use super::{checked_text, parse_variant};
use crate::schema::sessions;
use crate::types::{IdParam, id_param};

/// A session that is not deleted, without the lease of its turn.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, check_for_backend(Pg, Sqlite), treat_none_as_default_value = false)]
pub(crate) struct SessionRow {
    pub(crate) id: IdParam,
    tool_id: IdParam,
    tool_version_id: IdParam,
    user_id: IdParam,
    group_id: Option<IdParam>,
    state: String,
    title: Option<String>,
    pub(crate) next_seq: i64,
    active_turn_id: Option<IdParam>,
    parent_session_id: Option<IdParam>,
    fork_from_seq: Option<i64>,
    started_at: i64,
    ended_at: Option<i64>,
    last_activity_at: i64,
    history_from_seq: i64,
    last_request: Option<String>,
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        Ok(Session {
            id: row.id.into(),
            tool_id: row.tool_id.into(),
            tool_version_id: row.tool_version_id.into(),
            user_id: row.user_id.into(),
            group_id: row.group_id.map(Into::into),
            state: parse_variant("sessions.state", &row.state)?,
            title: row.title,
            next_seq: row.next_seq,
            active_turn_id: row.active_turn_id.map(Into::into),
            parent_session_id: row.parent_session_id.map(Into::into),
            fork_from_seq: row.fork_from_seq,
            started_at: Timestamp::from_micros(row.started_at),
            ended_at: row.ended_at.map(Timestamp::from_micros),
            last_activity_at: Timestamp::from_micros(row.last_activity_at),
            history_from_seq: row.history_from_seq,
            last_request: row.last_request.as_deref().map(last_request).transpose()?,
        })
    }
}

impl TryFrom<Session> for SessionRow {
    type Error = StoreError;

    fn try_from(session: Session) -> Result<Self, StoreError> {
        // Without `..`: a field that is not stored does not compile.
        let Session {
            id,
            tool_id,
            tool_version_id,
            user_id,
            group_id,
            state,
            title,
            next_seq,
            active_turn_id,
            parent_session_id,
            fork_from_seq,
            started_at,
            ended_at,
            last_activity_at,
            history_from_seq,
            last_request,
        } = session;
        if let Some(title) = &title {
            checked_text("sessions.title", title)?;
        }
        Ok(SessionRow {
            id: id_param(id),
            tool_id: id_param(tool_id),
            tool_version_id: id_param(tool_version_id),
            user_id: id_param(user_id),
            group_id: group_id.map(id_param),
            state: state.as_str().to_owned(),
            title,
            next_seq,
            active_turn_id: active_turn_id.map(id_param),
            parent_session_id: parent_session_id.map(id_param),
            fork_from_seq,
            started_at: started_at.as_micros(),
            ended_at: ended_at.map(Timestamp::as_micros),
            last_activity_at: last_activity_at.as_micros(),
            history_from_seq,
            last_request: last_request.as_ref().map(last_request_text).transpose()?,
        })
    }
}
