//! Reading turns and their logs.

use causerie_domain::messages::{Message, MessageRole};
use causerie_domain::ports::{KeyedTurn, StoredTurnLog};
use causerie_domain::turns::{Segment, Turn, TurnStatus};
use causerie_domain::{Filter, SessionId, TurnId};
use diesel::dsl::max;
use diesel::prelude::*;

use super::super::{Conn, RunQueryDsl, filters, sql_literals, usage};
use crate::error::QueryError;
use crate::input::KeyLookup;
use crate::rows::{KeyedTurnRow, MessageRow, SegmentRow, TurnRow, segments_of_parts, stored};
use crate::schema::{messages, segments, sessions, turns};
use crate::types::id_param;

/// A turn whose answer matches the filter.
pub(crate) async fn by_id(
    conn: &mut Conn,
    (id, visible): &(TurnId, Filter),
) -> Result<Option<Turn>, QueryError> {
    let answer: Option<TurnId> = messages::table
        .inner_join(sessions::table)
        .filter(messages::turn_id.eq(id_param(*id)))
        .filter(messages::role.eq(MessageRole::Assistant.as_str()))
        .filter(sessions::deleted_at.is_null())
        .filter(filters::on_messages(visible)?)
        .select(messages::turn_id.assume_not_null())
        .first(conn)
        .await
        .optional()?;
    match answer {
        Some(id) => plain(conn, id).await,
        None => Ok(None),
    }
}

pub(super) async fn plain(conn: &mut Conn, id: TurnId) -> Result<Option<Turn>, QueryError> {
    let row: Option<TurnRow> = turns::table
        .filter(turns::id.eq(id_param(id)))
        .select(TurnRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(Turn::try_from).transpose()?)
}

pub(crate) async fn running(conn: &mut Conn, session: &SessionId) -> Result<Option<Turn>, QueryError> {
    let row: Option<TurnRow> = turns::table
        .filter(turns::session_id.eq(id_param(*session)))
        .filter(sql_literals::Running)
        .select(TurnRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(Turn::try_from).transpose()?)
}

pub(crate) async fn by_key(conn: &mut Conn, named: &KeyLookup) -> Result<Option<KeyedTurn>, QueryError> {
    let row: Option<KeyedTurnRow> = turns::table
        .filter(turns::session_id.eq(id_param(named.session_id)))
        .filter(turns::idempotency_key.eq(&named.key))
        .filter(turns::started_at.ge(named.since.as_micros()))
        .select(KeyedTurnRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(KeyedTurn::try_from).transpose()?)
}

/// The log of a turn from a position on: from its segments while it runs, from its answer afterwards.
pub(crate) async fn log(
    conn: &mut Conn,
    (id, position): &(TurnId, u64),
) -> Result<Option<StoredTurnLog>, QueryError> {
    let Some(turn) = plain(conn, *id).await? else { return Ok(None) };
    if turn.status == TurnStatus::Running {
        let segments = segments_from(conn, *id, *position).await?;
        return Ok(Some(StoredTurnLog { turn, segments, usage: None }));
    }
    let answer: MessageRow = messages::table
        .filter(messages::id.eq(id_param(turn.assistant_message_id)))
        .select(MessageRow::as_select())
        .first(conn)
        .await?;
    let segments = segments_of_parts(Message::try_from(answer)?.parts, *position);
    let usage = usage::of_turn(conn, *id).await?;
    Ok(Some(StoredTurnLog { turn, segments, usage }))
}

/// The segments of a running turn, starting with the one that contains the position.
pub(super) async fn segments_from(
    conn: &mut Conn,
    turn: TurnId,
    position: u64,
) -> Result<Vec<Segment>, QueryError> {
    let mut query = segments::table
        .filter(segments::turn_id.eq(id_param(turn)))
        .order(segments::position)
        .select(SegmentRow::as_select())
        .into_boxed();
    if position > 0 {
        let covering = diesel::alias!(segments as covering);
        let start = covering
            .filter(covering.field(segments::turn_id).eq(id_param(turn)))
            .filter(covering.field(segments::position).le(stored(position)))
            .select(max(covering.field(segments::position)))
            .single_value();
        query = query.filter(segments::position.nullable().ge(start));
    }
    let rows: Vec<SegmentRow> = query.load(conn).await?;
    Ok(rows.into_iter().map(Segment::try_from).collect::<Result<_, _>>()?)
}
