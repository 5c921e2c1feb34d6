//! Users, as administrators manage them.

use std::collections::HashMap;

use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::memberships::MembershipStatus;
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{DirectoryError, NewUser, UserChange};
use causerie_domain::users::{Role, User, UserStatus, UserView};
use causerie_domain::{Filter, GroupId, SessionId, UserId};
use diesel::prelude::*;
use serde_json::{Map, Value, json};

use super::audit_events::{AuditEntry, record};
use super::filters::on_users;
use super::operator::{insert_user, record_user};
use super::{Conn, RunQueryDsl};
use crate::error::{QueryError, TransactionError, is_unique_violation};
use crate::rows::{UserRow, checked_text};
use crate::schema::{memberships, sessions, users};
use crate::types::id_param;

pub(crate) async fn by_id(
    conn: &mut Conn,
    (id, visible): &(UserId, Filter),
) -> Result<Option<UserView>, QueryError> {
    let row: Option<UserRow> = users::table
        .filter(users::id.eq(id_param(*id)))
        .filter(on_users(visible)?)
        .select(UserRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(views(conn, row.into_iter().collect()).await?.pop())
}

pub(crate) async fn page(
    conn: &mut Conn,
    (visible, page): &(Filter, PageRequest<UserId>),
) -> Result<Page<UserView, UserId>, QueryError> {
    let mut query = users::table
        .filter(on_users(visible)?)
        .order(users::id)
        .select(UserRow::as_select())
        .limit(i64::from(page.limit) + 1)
        .into_boxed();
    if let Some(After(last)) = page.after {
        query = query.filter(users::id.gt(id_param(last)));
    }
    let rows = query.load(conn).await?;
    Ok(Page::cut(views(conn, rows).await?, page.limit, |view: &UserView| view.user.id))
}

/// Reads the groups of users, with one statement for any number of users.
pub(super) async fn views(conn: &mut Conn, rows: Vec<UserRow>) -> Result<Vec<UserView>, QueryError> {
    let ids: Vec<_> = rows.iter().map(|row| id_param(row.id)).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let of_users: Vec<(UserId, GroupId)> = memberships::table
        .filter(memberships::user_id.eq_any(ids))
        .filter(memberships::status.eq(MembershipStatus::Active.as_str()))
        .order(memberships::group_id)
        .select((memberships::user_id, memberships::group_id))
        .load(conn)
        .await?;
    let mut groups: HashMap<UserId, Vec<GroupId>> = HashMap::new();
    for (user, group) in of_users {
        groups.entry(user).or_default().push(group);
    }
    let view = |row: UserRow| {
        let group_ids = groups.remove(&row.id).unwrap_or_default();
        Ok(UserView { user: User::try_from(row)?, group_ids })
    };
    rows.into_iter().map(view).collect()
}

pub(crate) async fn add(
    conn: &mut Conn,
    (new, stamp): &(NewUser, AuditStamp),
) -> Result<User, TransactionError<DirectoryError>> {
    let user = insert_user(conn, new, None).await.map_err(map_duplicate)?;
    record_user(conn, new, *stamp).await?;
    Ok(user)
}

pub(crate) async fn change(
    conn: &mut Conn,
    (id, allowed, change, stamp): &(UserId, Filter, UserChange, AuditStamp),
) -> Result<UserView, TransactionError<DirectoryError>> {
    if *change != UserChange::default() {
        let changed =
            diesel::update(users::table.filter(users::id.eq(id_param(*id))).filter(on_users(allowed)?))
                .set(Changed::new(change)?)
                .execute(conn)
                .await
                .map_err(|error| map_duplicate(error.into()))?;
        if changed == 0 {
            return Err(TransactionError::Refused(DirectoryError::NotFound));
        }
        if change.role == Some(Role::User) || change.status == Some(UserStatus::Disabled) {
            keep_an_admin(conn).await?;
        }
        let entry =
            AuditEntry { action: AuditAction::UserUpdate, of: ("User", id), detail: audit_detail(change) };
        record(conn, stamp, entry).await?;
    }
    // The changed user may no longer match the filter.
    let found = by_id(conn, &(*id, Filter::Everything)).await?;
    found.ok_or(TransactionError::Refused(DirectoryError::NotFound))
}

pub(crate) async fn delete(
    conn: &mut Conn,
    (id, allowed, stamp): &(UserId, Filter, AuditStamp),
) -> Result<(), TransactionError<DirectoryError>> {
    let found = by_id(conn, &(*id, allowed.clone())).await?;
    let view = found.ok_or(TransactionError::Refused(DirectoryError::NotFound))?;
    let running: Vec<SessionId> = sessions::table
        .filter(sessions::user_id.eq(id_param(*id)))
        .filter(sessions::active_turn_id.is_not_null())
        .select(sessions::id)
        .load(conn)
        .await?;
    if !running.is_empty() {
        return Err(TransactionError::Refused(DirectoryError::TurnsRunning(running)));
    }
    diesel::delete(users::table.filter(users::id.eq(id_param(*id)))).apply(conn).await?;
    if view.user.role == Role::Admin {
        keep_an_admin(conn).await?;
    }
    let entry = AuditEntry { action: AuditAction::UserDelete, of: ("User", id), detail: json!({}) };
    Ok(record(conn, stamp, entry).await?)
}

/// Refuses a change that leaves no active admin. The transaction is serializable, so two admins cannot remove each
/// other at the same time.
async fn keep_an_admin(conn: &mut Conn) -> Result<(), TransactionError<DirectoryError>> {
    let left: Option<UserId> = users::table
        .filter(users::role.eq(Role::Admin.as_str()))
        .filter(users::status.eq(UserStatus::Active.as_str()))
        .select(users::id)
        .first(conn)
        .await
        .optional()?;
    left.map(|_| ()).ok_or(TransactionError::Refused(DirectoryError::LastAdmin))
}

fn map_duplicate(error: QueryError) -> TransactionError<DirectoryError> {
    match error {
        QueryError::Database(error) if is_unique_violation(&error, "email_key") => {
            TransactionError::Refused(DirectoryError::EmailTaken)
        }
        other => TransactionError::Failed(other),
    }
}

/// Returns the audit event's detail of a change: the changed fields, with the new value if it affects permissions.
fn audit_detail(change: &UserChange) -> Value {
    let names = [
        ("email", change.email.is_some()),
        ("name", change.name.is_some()),
        ("locale", change.locale.is_some()),
        ("status", change.status.is_some()),
        ("role", change.role.is_some()),
    ];
    let changed: Vec<&str> = names.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
    let mut detail = Map::from_iter([("changed".to_owned(), json!(changed))]);
    detail.extend(change.status.map(|status| ("status".to_owned(), json!(status.as_str()))));
    detail.extend(change.role.map(|role| ("role".to_owned(), json!(role.as_str()))));
    Value::Object(detail)
}

/// Changeset: columns whose value is `Some` are updated.
#[derive(AsChangeset)]
#[diesel(table_name = users)]
struct Changed<'a> {
    email: Option<&'a str>,
    email_key: Option<String>,
    name: Option<&'a str>,
    locale: Option<Option<&'a str>>,
    status: Option<&'static str>,
    role: Option<&'static str>,
}

impl<'a> Changed<'a> {
    fn new(change: &'a UserChange) -> Result<Self, QueryError> {
        let given = |column: &str, value: &'a Option<String>| {
            value.as_deref().map(|value| checked_text(column, value)).transpose()
        };
        let locale = match &change.locale {
            Some(locale) => Some(given("users.locale", locale)?),
            None => None,
        };
        Ok(Changed {
            email: given("users.email", &change.email)?,
            email_key: change.email.as_deref().map(str::to_ascii_lowercase),
            name: given("users.name", &change.name)?,
            locale,
            status: change.status.map(UserStatus::as_str),
            role: change.role.map(Role::as_str),
        })
    }
}
