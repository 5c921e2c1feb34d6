//! Finding out who asks.

use causerie_domain::identity::{Membership, MembershipStatus, Standing, User};
use causerie_domain::ports::KeyHolder;
use causerie_domain::{ApiKeyId, Timestamp};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::fault::Fault;
use crate::rows::{ApiKeyRow, MembershipRow, UserRow};
use crate::schema::{api_keys, memberships, users};
use crate::types::key;

/// How exactly the last use of a key is known, in microseconds.
const USE_RESOLUTION: i64 = 60_000_000;

pub(crate) async fn key_holder(conn: &mut Conn, public_id: &String) -> Result<Option<KeyHolder>, Fault> {
    let found: Option<(ApiKeyRow, UserRow)> = api_keys::table
        .inner_join(users::table)
        .filter(api_keys::public_id.eq(public_id))
        .select((ApiKeyRow::as_select(), UserRow::as_select()))
        .first(conn)
        .await
        .optional()?;
    let Some((api_key, user)) = found else { return Ok(None) };
    let secret_hash = api_key.secret_hash()?;
    let standing = standing(conn, user.try_into()?).await?;
    Ok(Some(KeyHolder { key: api_key.try_into()?, secret_hash, standing }))
}

/// What decides what a user may do.
async fn standing(conn: &mut Conn, user: User) -> Result<Standing, Fault> {
    let rows: Vec<MembershipRow> = memberships::table
        .filter(memberships::user_id.eq(key(user.id)))
        .filter(memberships::status.eq(MembershipStatus::Active.as_str()))
        .order(memberships::group_id)
        .select(MembershipRow::as_select())
        .load(conn)
        .await?;
    let memberships = rows.into_iter().map(Membership::try_from).collect::<Result<_, _>>()?;
    Ok(Standing { user, memberships, rules: Vec::new() })
}

pub(crate) async fn touch_key(conn: &mut Conn, (id, now): &(ApiKeyId, Timestamp)) -> Result<(), Fault> {
    let now = now.as_micros();
    diesel::update(api_keys::table)
        .filter(api_keys::id.eq(key(*id)))
        .filter(api_keys::last_used_at.is_null().or(api_keys::last_used_at.le(now - USE_RESOLUTION)))
        .set(api_keys::last_used_at.eq(now))
        .execute(conn)
        .await?;
    Ok(())
}
