//! Groups, as administrators manage them.

use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::groups::Group;
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{DirectoryError, GroupChange};
use causerie_domain::{Filter, GroupId};
use diesel::prelude::*;
use serde_json::{Map, Value, json};

use super::audit_events::{AuditEntry, record};
use super::filters::on_groups;
use super::{Conn, RunQueryDsl};
use crate::error::{QueryError, TransactionError, is_foreign_key_violation};
use crate::rows::{GroupRow, checked_text};
use crate::schema::{ai_models, groups, tools};
use crate::types::id_param;

pub(crate) async fn by_id(
    conn: &mut Conn,
    (id, visible): &(GroupId, Filter),
) -> Result<Option<Group>, QueryError> {
    let row: Option<GroupRow> = groups::table
        .filter(groups::id.eq(id_param(*id)))
        .filter(on_groups(visible)?)
        .select(GroupRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(Group::try_from).transpose()?)
}

pub(crate) async fn page(
    conn: &mut Conn,
    (visible, page): &(Filter, PageRequest<GroupId>),
) -> Result<Page<Group, GroupId>, QueryError> {
    let mut query = groups::table
        .filter(on_groups(visible)?)
        .order(groups::id)
        .select(GroupRow::as_select())
        .limit(i64::from(page.limit) + 1)
        .into_boxed();
    if let Some(After(last)) = page.after {
        query = query.filter(groups::id.gt(id_param(last)));
    }
    let rows: Vec<GroupRow> = query.load(conn).await?;
    let groups = rows.into_iter().map(Group::try_from).collect::<Result<_, _>>()?;
    Ok(Page::cut(groups, page.limit, |group: &Group| group.id))
}

pub(crate) async fn add(
    conn: &mut Conn,
    (new, stamp): &(Group, AuditStamp),
) -> Result<Group, TransactionError<DirectoryError>> {
    diesel::insert_into(groups::table)
        .values((
            groups::id.eq(id_param(new.id)),
            groups::name.eq(checked_text("groups.name", &new.name)?),
            groups::created_at.eq(new.created_at.as_micros()),
        ))
        .apply(conn)
        .await?;
    let detail = json!({ "name": new.name });
    record(conn, stamp, AuditEntry { action: AuditAction::GroupCreate, of: ("Group", &new.id), detail })
        .await?;
    Ok(new.clone())
}

pub(crate) async fn change(
    conn: &mut Conn,
    (id, allowed, change, stamp): &(GroupId, Filter, GroupChange, AuditStamp),
) -> Result<Group, TransactionError<DirectoryError>> {
    if *change != GroupChange::default() {
        let changed =
            diesel::update(groups::table.filter(groups::id.eq(id_param(*id))).filter(on_groups(allowed)?))
                .set(Changed {
                    name: change.name.as_deref().map(|name| checked_text("groups.name", name)).transpose()?,
                    requests_per_minute: change
                        .requests_per_minute
                        .map(|rate| rate.map(|rate| rate.get().into())),
                })
                .execute(conn)
                .await?;
        if changed == 0 {
            return Err(TransactionError::Refused(DirectoryError::NotFound));
        }
        let entry =
            AuditEntry { action: AuditAction::GroupUpdate, of: ("Group", id), detail: audit_detail(change) };
        record(conn, stamp, entry).await?;
    }
    // The changed group may no longer match the filter.
    let found = by_id(conn, &(*id, Filter::Everything)).await?;
    found.ok_or(TransactionError::Refused(DirectoryError::NotFound))
}

pub(crate) async fn delete(
    conn: &mut Conn,
    (id, allowed, stamp): &(GroupId, Filter, AuditStamp),
) -> Result<(), TransactionError<DirectoryError>> {
    let found = by_id(conn, &(*id, allowed.clone())).await?;
    found.ok_or(TransactionError::Refused(DirectoryError::NotFound))?;
    // Checked first, since SQLite does not name the violated foreign key.
    let tool: Option<i64> = tools::table
        .filter(tools::group_id.eq(id_param(*id)))
        .select(tools::created_at)
        .first(conn)
        .await
        .optional()?;
    let model: Option<i64> = ai_models::table
        .filter(ai_models::group_id.eq(id_param(*id)))
        .select(ai_models::listed_at)
        .first(conn)
        .await
        .optional()?;
    if tool.or(model).is_some() {
        return Err(TransactionError::Refused(DirectoryError::GroupInUse));
    }
    let deleted =
        diesel::delete(groups::table.filter(groups::id.eq(id_param(*id))).filter(on_groups(allowed)?))
            .execute(conn)
            .await
            .map_err(|error| match error {
                error if is_foreign_key_violation(&error) => {
                    TransactionError::Refused(DirectoryError::GroupInUse)
                }
                error => TransactionError::from(error),
            })?;
    if deleted == 0 {
        return Err(TransactionError::Refused(DirectoryError::NotFound));
    }
    let entry = AuditEntry { action: AuditAction::GroupDelete, of: ("Group", id), detail: json!({}) };
    Ok(record(conn, stamp, entry).await?)
}

/// Changeset: columns whose value is `Some` are updated.
#[derive(AsChangeset)]
#[diesel(table_name = groups)]
struct Changed<'a> {
    name: Option<&'a str>,
    requests_per_minute: Option<Option<i64>>,
}

/// Returns the audit event's detail of a change.
fn audit_detail(change: &GroupChange) -> Value {
    let mut detail = Map::new();
    detail.extend(change.name.iter().map(|name| ("name".to_owned(), json!(name))));
    detail.extend(change.requests_per_minute.map(|rate| ("requests_per_minute".to_owned(), json!(rate))));
    Value::Object(detail)
}
