//! API keys, as principals administer them.

use causerie_domain::api_keys::ApiKey;
use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::memberships::MembershipStatus;
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{DirectoryError, NewApiKey};
use causerie_domain::{ApiKeyId, Filter, GroupId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use super::Conn;
use super::administration::{insert_key, record_key};
use super::audit_events::{Entry, record};
use super::filters::on_api_keys;
use crate::error::{Abort, Fault, is_dangling};
use crate::rows::ApiKeyRow;
use crate::schema::{api_keys, memberships};
use crate::types::key;

pub(crate) async fn by_id(
    conn: &mut Conn,
    (id, visible): &(ApiKeyId, Filter),
) -> Result<Option<ApiKey>, Fault> {
    let row: Option<ApiKeyRow> = api_keys::table
        .filter(api_keys::id.eq(key(*id)))
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
) -> Result<Page<ApiKey, ApiKeyId>, Fault> {
    let mut query = api_keys::table
        .filter(on_api_keys(visible)?)
        .order(api_keys::id)
        .select(ApiKeyRow::as_select())
        .limit(i64::from(page.limit) + 1)
        .into_boxed();
    if let Some(After(last)) = page.after {
        query = query.filter(api_keys::id.gt(key(last)));
    }
    let rows: Vec<ApiKeyRow> = query.load(conn).await?;
    let keys = rows.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>()?;
    Ok(Page::cut(keys, page.limit, |key: &ApiKey| key.id))
}

pub(crate) async fn add(
    conn: &mut Conn,
    (new, stamp): &(NewApiKey, AuditStamp),
) -> Result<ApiKey, Abort<DirectoryError>> {
    let made = insert_key(conn, new).await.map_err(|fault| match fault {
        Fault::Database(error) if is_dangling(&error) => Abort::Refused(DirectoryError::NoSuchReference),
        other => Abort::Failed(other),
    })?;
    if let Some(group) = new.group_id {
        let member: Option<GroupId> = memberships::table
            .filter(memberships::user_id.eq(key(new.user_id)))
            .filter(memberships::group_id.eq(key(group)))
            .filter(memberships::status.eq(MembershipStatus::Active.as_str()))
            .select(memberships::group_id)
            .first(conn)
            .await
            .optional()?;
        if member.is_none() {
            return Err(Abort::Refused(DirectoryError::NotAMember));
        }
    }
    record_key(conn, new, *stamp).await?;
    Ok(made)
}

/// Repeating it changes nothing, and is not recorded again.
pub(crate) async fn revoke(
    conn: &mut Conn,
    (id, allowed, stamp): &(ApiKeyId, Filter, AuditStamp),
) -> Result<(), Abort<DirectoryError>> {
    let revoked = diesel::update(
        api_keys::table
            .filter(api_keys::id.eq(key(*id)))
            .filter(api_keys::revoked_at.is_null())
            .filter(on_api_keys(allowed)?),
    )
    .set(api_keys::revoked_at.eq(stamp.at.as_micros()))
    .execute(conn)
    .await?;
    if revoked == 0 {
        let found = by_id(conn, &(*id, allowed.clone())).await?;
        return found.map(|_| ()).ok_or(Abort::Refused(DirectoryError::NotFound));
    }
    let entry = Entry { action: AuditAction::KeyRevoke, of: ("ApiKey", id), detail: json!({}) };
    Ok(record(conn, stamp, entry).await?)
}
