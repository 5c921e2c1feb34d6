//! Leases of turns. The lease in the session's row is a lock that conditional updates take, renew and release.

use std::time::Duration;

use causerie_domain::ports::FinishTurn;
use causerie_domain::turns::ContextReport;
use causerie_domain::{InstanceId, SessionId, Timestamp, TurnId};
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::BigInt;

use super::super::{Conn, Db, LOCK_SESSIONS, RunQueryDsl, Sequence, padded, sql_literals};
use crate::error::QueryError;
use crate::rows::{last_request_text, micros};
use crate::schema::{sessions, turns};
use crate::types::{IdParam, SqlId, id_param};

/// Sixths of a lease below which a flush renews it: text is flushed several times a second, and each renewal
/// writes a row.
const RENEWED_BELOW: u32 = 5;

/// A turn whose lease an owner holds, and whether the lease is to be renewed.
pub(super) type Held = (TurnId, Option<bool>);

/// Adds the query that locks the sessions of turns, and returns those that this owner still holds.
pub(super) fn lock_all<'q>(
    sequence: Sequence<'q>,
    turns: &[IdParam],
    owner: InstanceId,
    lease: Duration,
    held: &'q mut Vec<Held>,
) -> Sequence<'q> {
    let is_due = sessions::lease_until.lt(sql_literals::after_micros(micros(lease * RENEWED_BELOW / 6)));
    // The list restricts the turns: PostgreSQL would try the list for each running turn if it restricted the sessions.
    let query = turns::table
        .inner_join(sessions::table.on(sessions::active_turn_id.eq(turns::id.nullable())))
        .filter(turns::id.eq_any(turns.to_vec()))
        .filter(turns::owner.eq(id_param(owner)))
        .filter(sql_literals::Running)
        .order(turns::id)
        .select((turns::id, is_due));
    sequence.load(Locked(query).cached(), held)
}

/// Renews the leases that are due.
pub(super) async fn renew(conn: &mut Conn, held: &[Held], lease: Duration) -> Result<(), QueryError> {
    let due = held.iter().filter(|(_, is_due)| *is_due == Some(true));
    let due: Vec<IdParam> = due.map(|(turn, _)| id_param(*turn)).collect();
    if !due.is_empty() {
        diesel::update(sessions::table)
            .filter(sessions::active_turn_id.eq_any(padded(due)))
            .set(sessions::lease_until.eq(sql_literals::after_micros(micros(lease))))
            .cached()
            .apply(conn)
            .await?;
    }
    Ok(())
}

/// Query that locks the sessions of its rows. SQLite locks the database as a whole.
#[derive(Debug, Clone, Copy, QueryId)]
struct Locked<Q>(Q);

impl<Q: Query> Query for Locked<Q> {
    type SqlType = Q::SqlType;
}

impl<Q: QueryFragment<Db>> QueryFragment<Db> for Locked<Q> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        self.0.walk_ast(pass.reborrow())?;
        pass.push_sql(LOCK_SESSIONS);
        Ok(())
    }
}

/// Locks the session's row of a turn without a change. `false` if this owner no longer holds the lease.
pub(super) async fn lock(conn: &mut Conn, turn: TurnId, owner: InstanceId) -> Result<bool, QueryError> {
    let locked = diesel::update(sessions::table)
        .filter(sessions::active_turn_id.eq(id_param(turn)))
        .filter(sessions::id.nullable().eq(session_of(turn, owner).single_value()))
        .set(sessions::lease_until.eq(sessions::lease_until))
        .cached()
        .execute(conn)
        .await?;
    Ok(locked == 1)
}

/// Adds the statement that releases the session of a turn, if this owner still holds the lease. It stores the last request
/// and the beginning of the history, if they are new.
pub(super) fn release<'q>(
    sequence: Sequence<'q>,
    finish: &'q FinishTurn,
    released: &'q mut usize,
) -> Result<Sequence<'q>, QueryError> {
    let last_request = finish.last_request.as_ref().map(last_request_text).transpose()?;
    let held = sessions::table
        .filter(sql_literals::Begun)
        .filter(sessions::active_turn_id.eq(id_param(finish.turn_id)))
        .filter(sessions::id.nullable().eq(session_of(finish.turn_id, finish.owner).single_value()));
    let release = diesel::update(held).set((
        released_columns(finish.ended_at.as_micros()),
        last_request.map(|request| sessions::last_request.eq(request)),
        finish.context.as_ref().and_then(cut).map(|seq| sessions::history_from_seq.eq(seq)),
    ));
    Ok(sequence.execute(release.cached(), released))
}

/// Returns the beginning of the history that a report declares.
pub(super) fn cut(report: &ContextReport) -> Option<i64> {
    report.first_seq.filter(|_| report.is_cut)
}

/// Releases a session whose lease has expired on the database's clock. `false` if it has not, or if no turn runs.
pub(super) async fn release_expired(
    conn: &mut Conn,
    session: SessionId,
    now: Timestamp,
) -> Result<bool, QueryError> {
    let released = diesel::update(sessions::table)
        .filter(sessions::id.eq(id_param(session)))
        .filter(sessions::lease_until.le(sql_literals::Now))
        .set(released_columns(now.as_micros()))
        .cached()
        .execute(conn)
        .await?;
    Ok(released == 1)
}

/// Releases a session, with any owner.
pub(super) async fn release_any(
    conn: &mut Conn,
    session: SessionId,
    now: Timestamp,
) -> Result<(), QueryError> {
    diesel::update(sessions::table)
        .filter(sessions::id.eq(id_param(session)))
        .set(released_columns(now.as_micros()))
        .cached()
        .apply(conn)
        .await?;
    Ok(())
}

/// Returns the SQL expression of the later one of the session's last activity and this instant. The clocks of instances
/// differ.
#[diesel::dsl::auto_type]
pub(super) fn no_earlier_than(micros: i64) -> _ {
    case_when(sessions::last_activity_at.lt(micros), micros.into_sql::<BigInt>())
        .otherwise(sessions::last_activity_at)
}

#[diesel::dsl::auto_type]
fn released_columns(micros: i64) -> _ {
    let no_turn: Option<IdParam> = None;
    let no_lease: Option<i64> = None;
    let activity: no_earlier_than = no_earlier_than(micros);
    (
        sessions::active_turn_id.eq(no_turn),
        sessions::lease_until.eq(no_lease),
        sessions::last_activity_at.eq(activity),
    )
}

/// Selects the session of a running turn of this owner.
fn session_of(turn: TurnId, owner: InstanceId) -> turns::BoxedQuery<'static, Db, SqlId> {
    turns::table
        .filter(turns::id.eq(id_param(turn)))
        .filter(turns::owner.eq(id_param(owner)))
        .filter(sql_literals::Running)
        .select(turns::session_id)
        .into_boxed()
}
