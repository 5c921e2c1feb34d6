//! Rows of `sessions`.

use causerie_domain::ports::StoreError;
use causerie_domain::sessions::Session;
use causerie_domain::{GroupId, SessionId, Timestamp, ToolId, ToolVersionId, TurnId, UserId};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::parse_variant;
use crate::schema::sessions;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(Pg, Sqlite))]
pub(crate) struct SessionRow {
    pub(crate) id: SessionId,
    tool_id: ToolId,
    tool_version_id: ToolVersionId,
    user_id: UserId,
    group_id: Option<GroupId>,
    state: String,
    title: Option<String>,
    pub(crate) next_seq: i64,
    active_turn_id: Option<TurnId>,
    parent_session_id: Option<SessionId>,
    fork_from_seq: Option<i64>,
    started_at: i64,
    ended_at: Option<i64>,
    last_activity_at: i64,
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        Ok(Session {
            id: row.id,
            tool_id: row.tool_id,
            tool_version_id: row.tool_version_id,
            user_id: row.user_id,
            group_id: row.group_id,
            state: parse_variant("sessions.state", &row.state)?,
            title: row.title,
            next_seq: row.next_seq,
            active_turn_id: row.active_turn_id,
            parent_session_id: row.parent_session_id,
            fork_from_seq: row.fork_from_seq,
            started_at: Timestamp::from_micros(row.started_at),
            ended_at: row.ended_at.map(Timestamp::from_micros),
            last_activity_at: Timestamp::from_micros(row.last_activity_at),
        })
    }
}
