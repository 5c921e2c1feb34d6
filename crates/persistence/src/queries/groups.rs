//! Groups, as principals administer them.

use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::groups::Group;
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{DirectoryError, GroupChange};
use causerie_domain::{Filter, GroupId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::{Map, Value, json};

use super::Conn;
use super::audit_events::{Entry, record};
use super::filters::on_groups;
use crate::error::{Abort, Fault, is_dangling};
use crate::rows::{GroupRow, text};
use crate::schema::{ai_models, groups, tools};
use crate::types::key;

pub(crate) async fn by_id(
    conn: &mut Conn,
    (id, visible): &(GroupId, Filter),
) -> Result<Option<Group>, Fault> {
    let row: Option<GroupRow> = groups::table
        .filter(groups::id.eq(key(*id)))
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
) -> Result<Page<Group, GroupId>, Fault> {
    let mut query = groups::table
        .filter(on_groups(visible)?)
        .order(groups::id)
        .select(GroupRow::as_select())
        .limit(i64::from(page.limit) + 1)
        .into_boxed();
    if let Some(After(last)) = page.after {
        query = query.filter(groups::id.gt(key(last)));
    }
    let rows: Vec<GroupRow> = query.load(conn).await?;
    let groups = rows.into_iter().map(Group::try_from).collect::<Result<_, _>>()?;
    Ok(Page::cut(groups, page.limit, |group: &Group| group.id))
}

pub(crate) async fn add(
    conn: &mut Conn,
    (new, stamp): &(Group, AuditStamp),
) -> Result<Group, Abort<DirectoryError>> {
    diesel::insert_into(groups::table)
        .values((
            groups::id.eq(key(new.id)),
            groups::name.eq(text("groups.name", &new.name)?),
            groups::created_at.eq(new.created_at.as_micros()),
        ))
        .execute(conn)
        .await?;
    let detail = json!({ "name": new.name });
    record(conn, stamp, Entry { action: AuditAction::GroupCreate, of: ("Group", &new.id), detail }).await?;
    Ok(new.clone())
}

pub(crate) async fn change(
    conn: &mut Conn,
    (id, allowed, change, stamp): &(GroupId, Filter, GroupChange, AuditStamp),
) -> Result<Group, Abort<DirectoryError>> {
    if *change != GroupChange::default() {
        let changed =
            diesel::update(groups::table.filter(groups::id.eq(key(*id))).filter(on_groups(allowed)?))
                .set(Changed {
                    name: change.name.as_deref().map(|name| text("groups.name", name)).transpose()?,
                    requests_per_minute: change
                        .requests_per_minute
                        .map(|rate| rate.map(|rate| rate.get().into())),
                })
                .execute(conn)
                .await?;
        if changed == 0 {
            return Err(Abort::Refused(DirectoryError::NotFound));
        }
        let entry = Entry { action: AuditAction::GroupUpdate, of: ("Group", id), detail: told(change) };
        record(conn, stamp, entry).await?;
    }
    // What the change made of the group may be beyond what the filter admits.
    let found = by_id(conn, &(*id, Filter::Everything)).await?;
    found.ok_or(Abort::Refused(DirectoryError::NotFound))
}

pub(crate) async fn delete(
    conn: &mut Conn,
    (id, allowed, stamp): &(GroupId, Filter, AuditStamp),
) -> Result<(), Abort<DirectoryError>> {
    let found = by_id(conn, &(*id, allowed.clone())).await?;
    found.ok_or(Abort::Refused(DirectoryError::NotFound))?;
    // Asked beforehand, since SQLite does not say that it was this that stood in the way.
    let tool: Option<i64> = tools::table
        .filter(tools::group_id.eq(key(*id)))
        .select(tools::created_at)
        .first(conn)
        .await
        .optional()?;
    let model: Option<i64> = ai_models::table
        .filter(ai_models::group_id.eq(key(*id)))
        .select(ai_models::listed_at)
        .first(conn)
        .await
        .optional()?;
    if tool.or(model).is_some() {
        return Err(Abort::Refused(DirectoryError::GroupInUse));
    }
    let deleted = diesel::delete(groups::table.filter(groups::id.eq(key(*id))).filter(on_groups(allowed)?))
        .execute(conn)
        .await
        .map_err(|error| match error {
            error if is_dangling(&error) => Abort::Refused(DirectoryError::GroupInUse),
            error => Abort::from(error),
        })?;
    if deleted == 0 {
        return Err(Abort::Refused(DirectoryError::NotFound));
    }
    let entry = Entry { action: AuditAction::GroupDelete, of: ("Group", id), detail: json!({}) };
    Ok(record(conn, stamp, entry).await?)
}

/// What is given, and nothing else.
#[derive(AsChangeset)]
#[diesel(table_name = groups)]
struct Changed<'a> {
    name: Option<&'a str>,
    requests_per_minute: Option<Option<i64>>,
}

/// What the log tells of a change.
fn told(change: &GroupChange) -> Value {
    let mut detail = Map::new();
    detail.extend(change.name.iter().map(|name| ("name".to_owned(), json!(name))));
    detail.extend(change.requests_per_minute.map(|rate| ("requests_per_minute".to_owned(), json!(rate))));
    Value::Object(detail)
}
