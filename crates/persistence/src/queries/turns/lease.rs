//! Who holds a turn: the lease on the session's row is the lock, taken, renewed and released by conditional updates.

use std::time::Duration;

use causerie_domain::{InstanceId, SessionId, Timestamp, TurnId};
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use super::super::{Conn, Db, sql_literals};
use crate::error::Fault;
use crate::rows::micros;
use crate::schema::{sessions, turns};
use crate::types::{Key, Uid, key};

/// Gives the turn's owner another lease. `false` if the turn is not this owner's any more.
pub(super) async fn renew(
    conn: &mut Conn,
    turn: TurnId,
    owner: InstanceId,
    lease: Duration,
) -> Result<bool, Fault> {
    let renewed = diesel::update(sessions::table)
        .filter(sessions::active_turn_id.eq(key(turn)))
        .filter(sessions::id.eq_any(session_of(turn, owner)))
        .set(sessions::lease_until.eq(sql_literals::in_micros(micros(lease))))
        .execute(conn)
        .await?;
    Ok(renewed == 1)
}

/// Locks the session of a turn and leaves it as it is. `false` if the turn is not this owner's any more.
pub(super) async fn lock(conn: &mut Conn, turn: TurnId, owner: InstanceId) -> Result<bool, Fault> {
    let locked = diesel::update(sessions::table)
        .filter(sessions::active_turn_id.eq(key(turn)))
        .filter(sessions::id.eq_any(session_of(turn, owner)))
        .set(sessions::lease_until.eq(sessions::lease_until))
        .execute(conn)
        .await?;
    Ok(locked == 1)
}

/// Gives the session of a turn free. `false` if the turn is not this owner's any more.
pub(super) async fn release(
    conn: &mut Conn,
    turn: TurnId,
    owner: InstanceId,
    now: Timestamp,
) -> Result<bool, Fault> {
    let released = diesel::update(sessions::table)
        .filter(sessions::active_turn_id.eq(key(turn)))
        .filter(sessions::id.eq_any(session_of(turn, owner)))
        .set(freed(now.as_micros()))
        .execute(conn)
        .await?;
    Ok(released == 1)
}

/// Gives a session free whose turn's lease has run out on the database's clock. `false` if it has not, or no turn runs.
pub(super) async fn release_expired(
    conn: &mut Conn,
    session: SessionId,
    now: Timestamp,
) -> Result<bool, Fault> {
    let released = diesel::update(sessions::table)
        .filter(sessions::id.eq(key(session)))
        .filter(sessions::lease_until.le(sql_literals::Now))
        .set(freed(now.as_micros()))
        .execute(conn)
        .await?;
    Ok(released == 1)
}

/// Gives a session free, whoever holds it.
pub(super) async fn release_any(conn: &mut Conn, session: SessionId, now: Timestamp) -> Result<(), Fault> {
    diesel::update(sessions::table)
        .filter(sessions::id.eq(key(session)))
        .set(freed(now.as_micros()))
        .execute(conn)
        .await?;
    Ok(())
}

/// The later of the session's last activity and this instant: clocks of instances differ.
#[diesel::dsl::auto_type]
pub(super) fn no_earlier_than(micros: i64) -> _ {
    case_when(sessions::last_activity_at.lt(micros), micros.into_sql::<BigInt>())
        .otherwise(sessions::last_activity_at)
}

#[diesel::dsl::auto_type]
fn freed(micros: i64) -> _ {
    let nobody: Option<Key> = None;
    let never: Option<i64> = None;
    let activity: no_earlier_than = no_earlier_than(micros);
    (
        sessions::active_turn_id.eq(nobody),
        sessions::lease_until.eq(never),
        sessions::last_activity_at.eq(activity),
    )
}

/// The session of a running turn, if this owner runs it.
fn session_of(turn: TurnId, owner: InstanceId) -> turns::BoxedQuery<'static, Db, Uid> {
    turns::table
        .filter(turns::id.eq(key(turn)))
        .filter(turns::owner.eq(key(owner)))
        .filter(sql_literals::Running)
        .select(turns::session_id)
        .into_boxed()
}
