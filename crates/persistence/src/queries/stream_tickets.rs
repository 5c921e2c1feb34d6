//! Stream tickets: kept by their hash, found with everything that decides whether they open anything.

use causerie_domain::api_keys::ApiKey;
use causerie_domain::ports::{NewTicket, TICKET_GRACE, TicketRecord, TicketTarget};
use causerie_domain::{SessionId, Timestamp};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use super::authentication::user_access;
use crate::error::{Fault, is_dangling};
use crate::rows::{ApiKeyRow, TicketRow, UserRow, micros};
use crate::schema::{api_keys, stream_tickets, turns, users};
use crate::types::key;

pub(crate) async fn issue(conn: &mut Conn, new: &NewTicket) -> Result<bool, Fault> {
    let inserted = diesel::insert_into(stream_tickets::table)
        .values((
            stream_tickets::hash.eq(new.hash.as_slice()),
            stream_tickets::session_id.eq(key(new.session_id)),
            stream_tickets::user_id.eq(key(new.user_id)),
            stream_tickets::api_key_id.eq(new.api_key_id.map(key)),
            stream_tickets::turn_id.eq(new.turn_id.map(key)),
            stream_tickets::created_at.eq(new.created_at.as_micros()),
            stream_tickets::expires_at.eq(new.expires_at.as_micros()),
        ))
        .execute(conn)
        .await;
    match inserted {
        Ok(_) => Ok(true),
        Err(error) if is_dangling(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn ticket(
    conn: &mut Conn,
    (hash, wanted): &([u8; 32], TicketTarget),
) -> Result<Option<TicketRecord>, Fault> {
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

async fn session_of(conn: &mut Conn, wanted: TicketTarget) -> Result<Option<SessionId>, Fault> {
    match wanted {
        TicketTarget::Session(session) => Ok(Some(session)),
        TicketTarget::Turn(turn) => {
            let query = turns::table.filter(turns::id.eq(key(turn))).select(turns::session_id);
            Ok(query.first(conn).await.optional()?)
        }
    }
}

/// The end of the ticket's turn: of the one it was issued for, else of the first that began soon after.
async fn turn_of(conn: &mut Conn, ticket: &TicketRow) -> Result<Option<Option<i64>>, Fault> {
    let mut query = turns::table.select(turns::ended_at).order(turns::started_at).into_boxed();
    query = match ticket.turn_id {
        Some(turn) => query.filter(turns::id.eq(key(turn))),
        None => query
            .filter(turns::session_id.eq(key(ticket.session_id)))
            .filter(turns::started_at.ge(ticket.created_at))
            .filter(turns::started_at.lt(ticket.created_at + micros(TICKET_GRACE))),
    };
    Ok(query.first(conn).await.optional()?)
}

pub(crate) async fn forget(conn: &mut Conn, now: &Timestamp) -> Result<usize, Fault> {
    let over = stream_tickets::table.filter(stream_tickets::expires_at.le(now.as_micros()));
    Ok(diesel::delete(over).execute(conn).await?)
}
