//! Reading turns and their logs.

use causerie_domain::messages::{Message, MessageRole, PartKind};
use causerie_domain::ports::{KeyedTurn, StoredTurnLog, TURN_LOG_PAGE_SEGMENTS, TurnLogQuery};
use causerie_domain::turns::{Segment, Turn, TurnStatus};
use causerie_domain::{Filter, SessionId, TurnId};
use diesel::dsl::{AsSelect, max};
use diesel::prelude::*;

use super::super::{Conn, Db, RunQueryDsl, filters, sql_literals, usage};
use crate::error::QueryError;
use crate::input::KeyLookup;
use crate::rows::{KeyedTurnRow, MessageRow, SegmentRow, TurnRow, stored};
use crate::schema::{messages, segments, sessions, turns};
use crate::types::{IdParam, id_param};

/// Reads a turn whose answer matches the filter.
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

/// Returns those of some turns whose answers match the filter.
pub(crate) async fn visible(
    conn: &mut Conn,
    (ids, visible): &(Vec<TurnId>, Filter),
) -> Result<Vec<TurnId>, QueryError> {
    let ids: Vec<_> = ids.iter().map(|id| id_param(*id)).collect();
    Ok(messages::table
        .inner_join(sessions::table)
        .filter(messages::turn_id.assume_not_null().eq_any(ids))
        .filter(messages::role.eq(MessageRole::Assistant.as_str()))
        .filter(sessions::deleted_at.is_null())
        .filter(filters::on_messages(visible)?)
        .select(messages::turn_id.assume_not_null())
        .load(conn)
        .await?)
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
    let since = turns::started_at.ge(named.since.as_micros());
    let row: Option<KeyedTurnRow> =
        with_key(named.session_id, &named.key).filter(since).first(conn).await.optional()?;
    Ok(row.map(KeyedTurn::try_from).transpose()?)
}

/// Selects the turn of a session with an idempotency key.
#[diesel::dsl::auto_type]
pub(super) fn with_key<'a>(session: SessionId, key: &'a str) -> _ {
    let session: IdParam = id_param(session);
    let columns: AsSelect<KeyedTurnRow, Db> = KeyedTurnRow::as_select();
    turns::table.filter(turns::session_id.eq(session)).filter(turns::idempotency_key.eq(key)).select(columns)
}

/// Returns a page of the log of a turn: from its segments while it runs, from its answer afterwards.
pub(crate) async fn log(conn: &mut Conn, query: &TurnLogQuery) -> Result<Option<StoredTurnLog>, QueryError> {
    let Some(turn) = plain(conn, query.turn_id).await? else { return Ok(None) };
    if turn.status == TurnStatus::Running {
        return flushed_page(conn, turn, query).await.map(Some);
    }
    let answer: MessageRow = messages::table
        .filter(messages::id.eq(id_param(turn.assistant_message_id)))
        .select(MessageRow::as_select())
        .first(conn)
        .await?;
    let usage = usage::of_turn(conn, query.turn_id).await?;
    let page = StoredTurnLog::of_answer(turn, Message::try_from(answer)?.parts, query);
    Ok(Some(StoredTurnLog { usage, ..page }))
}

/// Characters of a page of flushed text. With the last segment, of at most 16 KiB, they are less than
/// [`TURN_LOG_PAGE_BYTES`](causerie_domain::ports::TURN_LOG_PAGE_BYTES).
const PAGE_CHARS: u64 = 48 * 1024;

/// Returns a page of a running turn. The first segment that is read is the one that contains the position.
async fn flushed_page(
    conn: &mut Conn,
    turn: Turn,
    query: &TurnLogQuery,
) -> Result<StoredTurnLog, QueryError> {
    let end = query.position.saturating_add(PAGE_CHARS);
    let limit = TURN_LOG_PAGE_SEGMENTS + 1;
    let mut rows = segments::table
        .filter(segments::turn_id.eq(id_param(turn.id)))
        .filter(segments::position.lt(stored(end)))
        .order(segments::position)
        .limit(limit as i64)
        .select(SegmentRow::as_select())
        .into_boxed();
    if query.position > 0 {
        let covering = diesel::alias!(segments as covering);
        let start = covering
            .filter(covering.field(segments::turn_id).eq(id_param(turn.id)))
            .filter(covering.field(segments::position).le(stored(query.position)))
            .select(max(covering.field(segments::position)))
            .single_value();
        rows = rows.filter(segments::position.nullable().ge(start));
    }
    let rows: Vec<SegmentRow> = rows.load(conn).await?;
    let first_part = match rows.as_slice().first() {
        Some(first) if query.with_part => part_at(conn, &turn, first.position()).await?,
        _ => 0,
    };
    let flushed = rows.into_iter().map(Segment::try_from).collect::<Result<_, _>>()?;
    let mut page = StoredTurnLog::page(turn, flushed, first_part, query);
    if !page.has_more && page.end >= end {
        let following = segments::table
            .filter(segments::turn_id.eq(id_param(page.turn.id)))
            .filter(segments::position.ge(stored(page.end)));
        page.has_more = diesel::select(diesel::dsl::exists(following)).get_result(conn).await?;
    }
    Ok(page)
}

/// Returns the index of the part that contains the segment at a position.
async fn part_at(conn: &mut Conn, turn: &Turn, position: i64) -> Result<usize, QueryError> {
    let mut kinds: Vec<String> = segments::table
        .filter(segments::turn_id.eq(id_param(turn.id)))
        .filter(segments::position.le(position))
        .order(segments::position)
        .select(segments::kind)
        .load(conn)
        .await?;
    // Each file is a part of its own.
    kinds.dedup_by(|next, previous| next == previous && next != PartKind::File.as_str());
    Ok(kinds.len().saturating_sub(1))
}

/// Returns the whole flushed text of a running turn.
pub(super) async fn flushed_text(conn: &mut Conn, turn: TurnId) -> Result<Vec<Segment>, QueryError> {
    let rows: Vec<SegmentRow> = segments::table
        .filter(segments::turn_id.eq(id_param(turn)))
        .order(segments::position)
        .select(SegmentRow::as_select())
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(Segment::try_from).collect::<Result<_, _>>()?)
}
