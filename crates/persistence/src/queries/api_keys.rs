//! API keys, as administrators manage them.

use causerie_domain::api_keys::ApiKey;
use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::memberships::MembershipStatus;
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{DirectoryError, NewApiKey};
use causerie_domain::{ApiKeyId, Filter, GroupId};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::json;
use uuid::Uuid;

use super::audit_events::{AuditEntry, record};
use super::filters::on_api_keys;
use super::operator::{insert_key, record_key};
use super::sizes::{self, PageLength};
use super::{Conn, RunQueryDsl};
use crate::error::{QueryError, TransactionError, is_foreign_key_violation};
use crate::rows::ApiKeyRow;
use crate::schema::{api_keys, memberships};
use crate::types::id_param;

pub(crate) async fn by_id(
    conn: &mut Conn,
    (id, visible): &(ApiKeyId, Filter),
) -> Result<Option<ApiKey>, QueryError> {
    let row: Option<ApiKeyRow> = api_keys::table
        .filter(api_keys::id.eq(id_param(*id)))
        .filter(on_api_keys(visible)?)
        .select(ApiKeyRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(ApiKey::try_from).transpose()?)
}

pub(crate) async fn page(
    conn: &mut Conn,
    (visible, page): &(Filter, PageRequest<ApiKeyId>),
) -> Result<Page<ApiKey, ApiKeyId>, QueryError> {
    let after = page.after.as_ref().map_or(ApiKeyId::from_uuid(Uuid::nil()), |After(last)| *last);
    let visible = || {
        let following = api_keys::table.filter(api_keys::id.gt(id_param(after)));
        Ok::<_, QueryError>(following.filter(on_api_keys(visible)?).order(api_keys::id))
    };
    let size = sql::<BigInt>(sizes::API_KEY);
    let sizes: Vec<i64> = visible()?.select(size).limit(i64::from(page.limit) + 1).load(conn).await?;
    let length = PageLength::of(&sizes, page.limit);
    let rows: Vec<ApiKeyRow> =
        visible()?.select(ApiKeyRow::as_select()).limit(length.rows).load(conn).await?;
    let rows: Vec<ApiKey> = rows.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>()?;
    let next = length.next(&rows, |key| key.id);
    Ok(Page { rows, next })
}

pub(crate) async fn add(
    conn: &mut Conn,
    (new, stamp): &(NewApiKey, AuditStamp),
) -> Result<ApiKey, TransactionError<DirectoryError>> {
    let created = insert_key(conn, new).await.map_err(|error| match error {
        QueryError::Database(error) if is_foreign_key_violation(&error) => {
            TransactionError::Refused(DirectoryError::NoSuchReference)
        }
        other => TransactionError::Failed(other),
    })?;
    if let Some(group) = new.group_id {
        let member: Option<GroupId> = memberships::table
            .filter(memberships::user_id.eq(id_param(new.user_id)))
            .filter(memberships::group_id.eq(id_param(group)))
            .filter(memberships::status.eq(MembershipStatus::Active.as_str()))
            .select(memberships::group_id)
            .first(conn)
            .await
            .optional()?;
        if member.is_none() {
            return Err(TransactionError::Refused(DirectoryError::NotAMember));
        }
    }
    record_key(conn, new, *stamp).await?;
    Ok(created)
}

/// Revokes a key. A repetition has no effect and is not recorded.
pub(crate) async fn revoke(
    conn: &mut Conn,
    (id, allowed, stamp): &(ApiKeyId, Filter, AuditStamp),
) -> Result<(), TransactionError<DirectoryError>> {
    let revoked = diesel::update(
        api_keys::table
            .filter(api_keys::id.eq(id_param(*id)))
            .filter(api_keys::revoked_at.is_null())
            .filter(on_api_keys(allowed)?),
    )
    .set(api_keys::revoked_at.eq(stamp.at.as_micros()))
    .execute(conn)
    .await?;
    if revoked == 0 {
        let found = by_id(conn, &(*id, allowed.clone())).await?;
        return found.map(|_| ()).ok_or(TransactionError::Refused(DirectoryError::NotFound));
    }
    let entry = AuditEntry { action: AuditAction::KeyRevoke, of: ("ApiKey", id), detail: json!({}) };
    Ok(record(conn, stamp, entry).await?)
}
