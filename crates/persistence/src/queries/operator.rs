//! Creating users and API keys.

use causerie_domain::api_keys::ApiKey;
use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::ports::{ExternalId, NewApiKey, NewUser, OperatorError};
use causerie_domain::users::{User, UserStatus};
use causerie_domain::{AuditEventId, Timestamp};
use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::audit_events::{AuditEntry, record};
use super::{Conn, RunQueryDsl};
use crate::error::{QueryError, TransactionError, is_foreign_key_violation, is_unique_violation};
use crate::rows::{ApiKeyRow, UserRow, checked_text, list_text};
use crate::schema::{api_keys, users};
use crate::types::id_param;

/// Creates the first user and its key, unless there is a user. If two instances try at the same time, one succeeds.
pub(crate) async fn bootstrap(
    conn: &mut Conn,
    (admin, api_key): &(NewUser, NewApiKey),
) -> Result<bool, QueryError> {
    let any: Option<i64> = users::table.select(users::created_at).first(conn).await.optional()?;
    if any.is_some() {
        return Ok(false);
    }
    insert_user(conn, admin, None).await?;
    insert_key(conn, api_key).await?;
    record_user(conn, admin, by_operator(admin.id.as_uuid(), admin.created_at)).await?;
    record_key(conn, api_key, by_operator(api_key.id.as_uuid(), api_key.created_at)).await?;
    Ok(true)
}

pub(crate) async fn create_user(
    conn: &mut Conn,
    new: &NewUser,
) -> Result<User, TransactionError<OperatorError>> {
    let user = insert_user(conn, new, None).await.map_err(|error| match error {
        QueryError::Database(error) if is_unique_violation(&error, "email_key") => {
            TransactionError::Refused(OperatorError::EmailTaken)
        }
        other => TransactionError::Failed(other),
    })?;
    record_user(conn, new, by_operator(new.id.as_uuid(), new.created_at)).await?;
    Ok(user)
}

pub(crate) async fn user_by_email(conn: &mut Conn, email: &str) -> Result<Option<User>, QueryError> {
    let row: Option<UserRow> = users::table
        .filter(users::email_key.eq(email.to_ascii_lowercase()))
        .select(UserRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(User::try_from).transpose()?)
}

pub(crate) async fn create_key(
    conn: &mut Conn,
    new: &NewApiKey,
) -> Result<ApiKey, TransactionError<OperatorError>> {
    let api_key = insert_key(conn, new).await.map_err(|error| match error {
        QueryError::Database(error) if is_foreign_key_violation(&error) => {
            TransactionError::Refused(OperatorError::NotFound)
        }
        other => TransactionError::Failed(other),
    })?;
    record_key(conn, new, by_operator(new.id.as_uuid(), new.created_at)).await?;
    Ok(api_key)
}

/// Returns the audit stamp of a creation by the operator. The event has the id of the created row, which is created
/// once.
fn by_operator(created: Uuid, at: Timestamp) -> AuditStamp {
    AuditStamp { event_id: AuditEventId::from_uuid(created), actor_id: None, api_key_id: None, at }
}

/// Records the creation of a user.
pub(super) async fn record_user(conn: &mut Conn, new: &NewUser, stamp: AuditStamp) -> Result<(), QueryError> {
    let detail = json!({ "role": new.role.as_str() });
    record(conn, &stamp, AuditEntry { action: AuditAction::UserCreate, of: ("User", &new.id), detail }).await
}

/// Records the creation of a key.
pub(super) async fn record_key(
    conn: &mut Conn,
    new: &NewApiKey,
    stamp: AuditStamp,
) -> Result<(), QueryError> {
    let detail = json!({
        "user_id": new.user_id.to_string(),
        "group_id": new.group_id.map(|group| group.to_string()),
        "scopes": new.scopes,
        "expires_at": new.expires_at.map(|end| end.to_string()),
    });
    record(conn, &stamp, AuditEntry { action: AuditAction::KeyCreate, of: ("ApiKey", &new.id), detail }).await
}

/// Creates a user, with the external id from an identity provider if there is one.
pub(super) async fn insert_user(
    conn: &mut Conn,
    new: &NewUser,
    external: Option<&ExternalId>,
) -> Result<User, QueryError> {
    let row: UserRow = diesel::insert_into(users::table)
        .values((
            users::id.eq(id_param(new.id)),
            users::email.eq(checked_text("users.email", &new.email)?),
            users::email_key.eq(new.email.to_ascii_lowercase()),
            users::name.eq(checked_text("users.name", &new.name)?),
            users::status.eq(UserStatus::Active.as_str()),
            users::role.eq(new.role.as_str()),
            users::issuer.eq(external.map(|id| id.issuer.as_str())),
            users::subject.eq(external.map(|id| id.subject.as_str())),
            users::created_at.eq(new.created_at.as_micros()),
        ))
        .returning(UserRow::as_returning())
        .get_result(conn)
        .await?;
    Ok(row.try_into()?)
}

pub(super) async fn insert_key(conn: &mut Conn, new: &NewApiKey) -> Result<ApiKey, QueryError> {
    let row: ApiKeyRow = diesel::insert_into(api_keys::table)
        .values((
            api_keys::id.eq(id_param(new.id)),
            api_keys::public_id.eq(checked_text("api_keys.public_id", &new.public_id)?),
            api_keys::secret_hash.eq(new.secret_hash.as_slice()),
            api_keys::user_id.eq(id_param(new.user_id)),
            api_keys::group_id.eq(new.group_id.map(id_param)),
            api_keys::name.eq(checked_text("api_keys.name", &new.name)?),
            api_keys::scopes.eq(list_text(&new.scopes)?),
            api_keys::created_at.eq(new.created_at.as_micros()),
            api_keys::expires_at.eq(new.expires_at.map(|end| end.as_micros())),
        ))
        .returning(ApiKeyRow::as_returning())
        .get_result(conn)
        .await?;
    Ok(row.try_into()?)
}
