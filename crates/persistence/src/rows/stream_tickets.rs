//! Rows of `stream_tickets`.

use causerie_domain::{SessionId, TurnId};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use crate::schema::stream_tickets;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = stream_tickets, check_for_backend(Pg, Sqlite))]
pub(crate) struct TicketRow {
    pub(crate) session_id: SessionId,
    pub(crate) turn_id: Option<TurnId>,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
}
