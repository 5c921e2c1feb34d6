//! Finding the user of a credential.

use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::memberships::{Membership, MembershipStatus};
use causerie_domain::ports::{ApiKeyRecord, CurrentAccess, ExternalId, ExternalIdError, NewUser, RuleOwner};
use causerie_domain::principal::UserAccess;
use causerie_domain::users::{Role, User, UserStatus};
use causerie_domain::{ApiKeyId, AuditEventId, Timestamp, UserId};
use diesel::prelude::*;
use serde_json::json;

use super::audit_events::{AuditEntry, record};
use super::operator::insert_user;
use super::{Conn, RunQueryDsl, rules as rule_queries};
use crate::error::{QueryError, TransactionError, is_unique_violation};
use crate::rows::{ApiKeyRow, MembershipRow, UserRow};
use crate::schema::{api_keys, group_rules, groups, memberships, users};
use crate::types::id_param;

/// Resolution of a key's last use, in microseconds.
const USE_RESOLUTION: i64 = 60_000_000;

pub(crate) async fn api_key_record(
    conn: &mut Conn,
    public_id: &String,
) -> Result<Option<ApiKeyRecord>, QueryError> {
    let found: Option<(ApiKeyRow, UserRow)> = api_keys::table
        .inner_join(users::table)
        .filter(api_keys::public_id.eq(public_id))
        .select((ApiKeyRow::as_select(), UserRow::as_select()))
        .first(conn)
        .await
        .optional()?;
    let Some((api_key, user)) = found else { return Ok(None) };
    let secret_hash = api_key.secret_hash()?;
    let access = user_access(conn, user.try_into()?).await?;
    Ok(Some(ApiKeyRecord { key: api_key.try_into()?, secret_hash, access }))
}

/// Reads the memberships and rules that decide the permissions of a user.
pub(super) async fn user_access(conn: &mut Conn, user: User) -> Result<UserAccess, QueryError> {
    let rows: Vec<MembershipRow> = memberships::table
        .inner_join(groups::table)
        .filter(memberships::user_id.eq(id_param(user.id)))
        .filter(memberships::status.eq(MembershipStatus::Active.as_str()))
        .order(memberships::group_id)
        .select(MembershipRow::as_select())
        .load(conn)
        .await?;
    let memberships = rows.into_iter().map(Membership::try_from).collect::<Result<Vec<_>, _>>()?;
    let groups: Vec<_> = memberships.iter().map(|membership| id_param(membership.group_id)).collect();
    let mut rules: Vec<String> = Vec::new();
    if !groups.is_empty() {
        rules = group_rules::table
            .filter(group_rules::group_id.eq_any(groups))
            .order((group_rules::group_id, group_rules::position))
            .select(group_rules::rule)
            .load(conn)
            .await?;
    }
    rules.extend(rule_queries::of_owner(conn, &RuleOwner::User(user.id)).await?);
    Ok(UserAccess { user, memberships, rules })
}

async fn access_of_found(conn: &mut Conn, found: Option<UserRow>) -> Result<Option<UserAccess>, QueryError> {
    match found {
        Some(user) => user_access(conn, user.try_into()?).await.map(Some),
        None => Ok(None),
    }
}

/// Returns a user by its id, with the memberships and rules that decide its permissions.
pub(crate) async fn access_of_user(conn: &mut Conn, id: &UserId) -> Result<Option<UserAccess>, QueryError> {
    let found: Option<UserRow> = users::table
        .filter(users::id.eq(id_param(*id)))
        .select(UserRow::as_select())
        .first(conn)
        .await
        .optional()?;
    access_of_found(conn, found).await
}

pub(crate) async fn current_access(
    conn: &mut Conn,
    (user, key): &(UserId, Option<ApiKeyId>),
) -> Result<Option<CurrentAccess>, QueryError> {
    let Some(access) = access_of_user(conn, user).await? else { return Ok(None) };
    let Some(key) = key else { return Ok(Some(CurrentAccess { access, key: None })) };
    let found: Option<ApiKeyRow> = api_keys::table
        .filter(api_keys::id.eq(id_param(*key)))
        .filter(api_keys::user_id.eq(id_param(*user)))
        .select(ApiKeyRow::as_select())
        .first(conn)
        .await
        .optional()?;
    match found {
        Some(key) => Ok(Some(CurrentAccess { access, key: Some(key.try_into()?) })),
        None => Ok(None),
    }
}

pub(crate) async fn external_user(
    conn: &mut Conn,
    id: &ExternalId,
) -> Result<Option<UserAccess>, QueryError> {
    let found: Option<UserRow> = users::table
        .filter(users::issuer.eq(&id.issuer))
        .filter(users::subject.eq(&id.subject))
        .select(UserRow::as_select())
        .first(conn)
        .await
        .optional()?;
    access_of_found(conn, found).await
}

pub(crate) async fn provision(
    conn: &mut Conn,
    (user, id): &(NewUser, ExternalId),
) -> Result<UserAccess, TransactionError<ExternalIdError>> {
    let created = insert_user(conn, user, Some(id)).await.map_err(map_duplicate)?;
    // The actor is the new user. A user is provisioned once, so the event has the user's id.
    let event_id = AuditEventId::from_uuid(user.id.as_uuid());
    let stamp = AuditStamp { event_id, actor_id: Some(user.id), api_key_id: None, at: user.created_at };
    let detail = json!({ "role": user.role.as_str(), "issuer": id.issuer, "subject": id.subject });
    record(conn, &stamp, AuditEntry { action: AuditAction::UserCreate, of: ("User", &user.id), detail })
        .await?;
    Ok(user_access(conn, created).await?)
}

pub(crate) async fn link(
    conn: &mut Conn,
    (user, id, stamp): &(UserId, ExternalId, AuditStamp),
) -> Result<(), TransactionError<ExternalIdError>> {
    let linked = diesel::update(users::table.filter(users::id.eq(id_param(*user))))
        .set((users::issuer.eq(&id.issuer), users::subject.eq(&id.subject)))
        .cached()
        .execute(conn)
        .await
        .map_err(|error| map_duplicate(error.into()))?;
    if linked == 0 {
        return Err(TransactionError::Refused(ExternalIdError::NotFound));
    }
    let detail = json!({ "issuer": id.issuer, "subject": id.subject });
    Ok(record(conn, stamp, AuditEntry { action: AuditAction::UserLink, of: ("User", user), detail }).await?)
}

fn map_duplicate(error: QueryError) -> TransactionError<ExternalIdError> {
    match error {
        QueryError::Database(error)
            if ["email_key", "identity", "issuer"]
                .iter()
                .any(|column| is_unique_violation(&error, column)) =>
        {
            TransactionError::Refused(ExternalIdError::Taken)
        }
        other => TransactionError::Failed(other),
    }
}

pub(crate) async fn first_admin(conn: &mut Conn, (): &()) -> Result<Option<UserAccess>, QueryError> {
    let found: Option<UserRow> = users::table
        .filter(users::role.eq(Role::Admin.as_str()))
        .filter(users::status.eq(UserStatus::Active.as_str()))
        .order((users::created_at, users::id))
        .select(UserRow::as_select())
        .first(conn)
        .await
        .optional()?;
    access_of_found(conn, found).await
}

pub(crate) async fn touch_api_key(
    conn: &mut Conn,
    (id, now): &(ApiKeyId, Timestamp),
) -> Result<(), QueryError> {
    let now = now.as_micros();
    diesel::update(api_keys::table)
        .filter(api_keys::id.eq(id_param(*id)))
        .filter(api_keys::last_used_at.is_null().or(api_keys::last_used_at.le(now - USE_RESOLUTION)))
        .set(api_keys::last_used_at.eq(now))
        .cached()
        .apply(conn)
        .await?;
    Ok(())
}
