//! Stream tickets, stored by their hash and read with the rows that decide whether they are valid.

use causerie_domain::api_keys::ApiKey;
use causerie_domain::ports::{NewTicket, TICKET_GRACE, TicketRecord, TicketTarget};
use causerie_domain::{SessionId, Timestamp};
use diesel::prelude::*;

use super::authentication::user_access;
use super::{Conn, RunQueryDsl};
use crate::error::{QueryError, is_foreign_key_violation};
use crate::rows::{ApiKeyRow, TicketRow, UserRow, micros};
use crate::schema::{api_keys, stream_tickets, turns, users};
use crate::types::id_param;

pub(crate) async fn issue(conn: &mut Conn, new: &NewTicket) -> Result<bool, QueryError> {
    let inserted = diesel::insert_into(stream_tickets::table)
        .values((
            stream_tickets::hash.eq(new.hash.as_slice()),
            stream_tickets::session_id.eq(id_param(new.session_id)),
            stream_tickets::user_id.eq(id_param(new.user_id)),
            stream_tickets::api_key_id.eq(new.api_key_id.map(id_param)),
            stream_tickets::turn_id.eq(new.turn_id.map(id_param)),
            stream_tickets::created_at.eq(new.created_at.as_micros()),
            stream_tickets::expires_at.eq(new.expires_at.as_micros()),
        ))
        .execute(conn)
        .await;
    match inserted {
        Ok(_) => Ok(true),
        Err(error) if is_foreign_key_violation(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn ticket(
    conn: &mut Conn,
    (hash, wanted): &([u8; 32], TicketTarget),
) -> Result<Option<TicketRecord>, QueryError> {
    let found: Option<(TicketRow, UserRow, Option<ApiKeyRow>)> = stream_tickets::table
        .inner_join(users::table)
        .left_join(api_keys::table)
        .filter(stream_tickets::hash.eq(hash.as_slice()))
        .select((TicketRow::as_select(), UserRow::as_select(), Option::<ApiKeyRow>::as_select()))
        .first(conn)
        .await
        .optional()?;
    let Some((ticket, user, api_key)) = found else { return Ok(None) };
    if session_of(conn, *wanted).await? != Some(ticket.session_id) {
        return Ok(None);
    }
    let turn = turn_of(conn, &ticket).await?;
    let access = user_access(conn, user.try_into()?).await?;
    Ok(Some(TicketRecord {
        created_at: Timestamp::from_micros(ticket.created_at),
        expires_at: Timestamp::from_micros(ticket.expires_at),
        turn: turn.map(|end| end.map(Timestamp::from_micros)),
        key: api_key.map(ApiKey::try_from).transpose()?,
        access,
    }))
}

async fn session_of(conn: &mut Conn, wanted: TicketTarget) -> Result<Option<SessionId>, QueryError> {
    match wanted {
        TicketTarget::Session(session) => Ok(Some(session)),
        TicketTarget::Turn(turn) => {
            let query = turns::table.filter(turns::id.eq(id_param(turn))).select(turns::session_id);
            Ok(query.first(conn).await.optional()?)
        }
    }
}

/// Returns when the ticket's turn ended. It is the turn that the ticket was issued for, or else the first that began
/// within [`TICKET_GRACE`]. The outer `None` means that there is no turn, the inner one that it runs.
async fn turn_of(conn: &mut Conn, ticket: &TicketRow) -> Result<Option<Option<i64>>, QueryError> {
    let mut query = turns::table.select(turns::ended_at).order(turns::started_at).into_boxed();
    query = match ticket.turn_id {
        Some(turn) => query.filter(turns::id.eq(id_param(turn))),
        None => query
            .filter(turns::session_id.eq(id_param(ticket.session_id)))
            .filter(turns::started_at.ge(ticket.created_at))
            .filter(turns::started_at.lt(ticket.created_at + micros(TICKET_GRACE))),
    };
    Ok(query.first(conn).await.optional()?)
}

pub(crate) async fn forget(conn: &mut Conn, now: &Timestamp) -> Result<usize, QueryError> {
    let over = stream_tickets::table.filter(stream_tickets::expires_at.le(now.as_micros()));
    Ok(diesel::delete(over).execute(conn).await?)
}
