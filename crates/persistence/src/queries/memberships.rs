//! Memberships of groups, and invitations.

use std::collections::HashMap;

use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::memberships::{GroupRole, Invitation, Member, MembershipStatus};
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{DirectoryError, MemberRef};
use causerie_domain::{Filter, GroupId, Timestamp, UserId};
use diesel::dsl::exists;
use diesel::prelude::*;
use serde_json::{Value, json};

use super::audit_events::{AuditEntry, record};
use super::filters::on_users;
use super::{Conn, RunQueryDsl, groups as group_queries, users as user_queries};
use crate::error::{QueryError, TransactionError, corrupt, is_foreign_key_violation};
use crate::rows::{GroupRow, InvitationRow, MemberRow, UserRow, checked_text, parse_variant};
use crate::schema::{groups, invitations, memberships, users};
use crate::types::id_param;

pub(crate) async fn page(
    conn: &mut Conn,
    (group, visible, page): &(GroupId, Filter, PageRequest<UserId>),
) -> Result<Page<Member, UserId>, QueryError> {
    let of_group = memberships::table
        .filter(memberships::user_id.eq(users::id))
        .filter(memberships::group_id.eq(id_param(*group)))
        .filter(memberships::status.eq(MembershipStatus::Active.as_str()));
    let mut query = users::table
        .filter(exists(of_group))
        .filter(on_users(visible)?)
        .order(users::id)
        .select(UserRow::as_select())
        .limit(i64::from(page.limit) + 1)
        .into_boxed();
    if let Some(After(last)) = page.after {
        query = query.filter(users::id.gt(id_param(last)));
    }
    let rows: Vec<UserRow> = query.load(conn).await?;
    let ids: Vec<_> = rows.iter().map(|row| id_param(row.id)).collect();
    let of_users: Vec<MemberRow> = memberships::table
        .filter(memberships::group_id.eq(id_param(*group)))
        .filter(memberships::user_id.eq_any(ids))
        .select(MemberRow::as_select())
        .load(conn)
        .await?;
    let mut roles: HashMap<UserId, MemberRow> =
        of_users.into_iter().map(|membership| (membership.user_id, membership)).collect();
    let mut members = Vec::with_capacity(rows.len());
    for view in user_queries::views(conn, rows).await? {
        let membership = roles.remove(&view.user.id);
        let membership = membership.ok_or_else(|| corrupt("a member has no membership"))?;
        let role = parse_variant("memberships.role", &membership.role)?;
        members.push(Member { view, role, since: Timestamp::from_micros(membership.created_at) });
    }
    Ok(Page::cut(members, page.limit, |member: &Member| member.view.user.id))
}

pub(crate) async fn add(
    conn: &mut Conn,
    (member, role, stamp): &(MemberRef, GroupRole, AuditStamp),
) -> Result<(), TransactionError<DirectoryError>> {
    require_group(conn, member.group_id, &member.allowed).await?;
    let active = MembershipStatus::Active.as_str();
    diesel::insert_into(memberships::table)
        .values((
            memberships::user_id.eq(id_param(member.user_id)),
            memberships::group_id.eq(id_param(member.group_id)),
            memberships::role.eq(role.as_str()),
            memberships::status.eq(active),
            memberships::created_at.eq(stamp.at.as_micros()),
        ))
        .on_conflict((memberships::user_id, memberships::group_id))
        .do_update()
        .set((memberships::role.eq(role.as_str()), memberships::status.eq(active)))
        .execute(conn)
        .await
        .map_err(|error| match error {
            error if is_foreign_key_violation(&error) => {
                TransactionError::Refused(DirectoryError::NoSuchReference)
            }
            error => TransactionError::from(error),
        })?;
    let detail = json!({ "user_id": member.user_id.to_string(), "role": role.as_str() });
    of_group(conn, stamp, (AuditAction::MemberAdd, member.group_id), detail).await
}

pub(crate) async fn change(
    conn: &mut Conn,
    (member, role, stamp): &(MemberRef, GroupRole, AuditStamp),
) -> Result<(), TransactionError<DirectoryError>> {
    require_group(conn, member.group_id, &member.allowed).await?;
    let changed = diesel::update(
        memberships::table
            .filter(memberships::user_id.eq(id_param(member.user_id)))
            .filter(memberships::group_id.eq(id_param(member.group_id)))
            .filter(memberships::status.eq(MembershipStatus::Active.as_str())),
    )
    .set(memberships::role.eq(role.as_str()))
    .execute(conn)
    .await?;
    require_one(changed)?;
    let detail = json!({ "user_id": member.user_id.to_string(), "role": role.as_str() });
    of_group(conn, stamp, (AuditAction::MemberUpdate, member.group_id), detail).await
}

pub(crate) async fn remove(
    conn: &mut Conn,
    (member, stamp): &(MemberRef, AuditStamp),
) -> Result<(), TransactionError<DirectoryError>> {
    require_group(conn, member.group_id, &member.allowed).await?;
    let removed = diesel::delete(
        memberships::table
            .filter(memberships::user_id.eq(id_param(member.user_id)))
            .filter(memberships::group_id.eq(id_param(member.group_id))),
    )
    .execute(conn)
    .await?;
    require_one(removed)?;
    let detail = json!({ "user_id": member.user_id.to_string() });
    of_group(conn, stamp, (AuditAction::MemberRemove, member.group_id), detail).await
}

pub(crate) async fn invitations(
    conn: &mut Conn,
    (group, page): &(GroupId, PageRequest<String>),
) -> Result<Page<Invitation, String>, QueryError> {
    let mut query = invitations::table
        .inner_join(groups::table)
        .filter(invitations::group_id.eq(id_param(*group)))
        .order(invitations::email_key)
        .select((InvitationRow::as_select(), GroupRow::as_select()))
        .limit(i64::from(page.limit) + 1)
        .into_boxed();
    if let Some(After(last)) = &page.after {
        query = query.filter(invitations::email_key.gt(last));
    }
    let rows: Vec<(InvitationRow, GroupRow)> = query.load(conn).await?;
    let invited =
        rows.into_iter().map(|(row, group)| row.into_invitation(group.name)).collect::<Result<_, _>>()?;
    Ok(Page::cut(invited, page.limit, |invitation: &Invitation| invitation.email.to_ascii_lowercase()))
}

pub(crate) async fn invitations_of(conn: &mut Conn, user: &UserId) -> Result<Vec<Invitation>, QueryError> {
    let email_key = users::table.filter(users::id.eq(id_param(*user))).select(users::email_key);
    let rows: Vec<(InvitationRow, GroupRow)> = invitations::table
        .inner_join(groups::table)
        .filter(invitations::email_key.eq_any(email_key))
        .order(invitations::group_id)
        .select((InvitationRow::as_select(), GroupRow::as_select()))
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(row, group)| row.into_invitation(group.name)).collect::<Result<_, _>>()?)
}

pub(crate) async fn invite(
    conn: &mut Conn,
    (invitation, allowed, stamp): &(Invitation, Filter, AuditStamp),
) -> Result<(), TransactionError<DirectoryError>> {
    require_group(conn, invitation.group_id, allowed).await?;
    let email = checked_text("invitations.email", &invitation.email)?;
    let role = invitation.role.as_str();
    diesel::insert_into(invitations::table)
        .values((
            invitations::group_id.eq(id_param(invitation.group_id)),
            invitations::email_key.eq(email.to_ascii_lowercase()),
            invitations::email.eq(email),
            invitations::role.eq(role),
            invitations::created_at.eq(invitation.created_at.as_micros()),
        ))
        .on_conflict((invitations::group_id, invitations::email_key))
        .do_update()
        .set((invitations::email.eq(email), invitations::role.eq(role)))
        .apply(conn)
        .await?;
    let detail = json!({ "email": email, "role": role });
    of_group(conn, stamp, (AuditAction::MemberInvite, invitation.group_id), detail).await
}

pub(crate) async fn uninvite(
    conn: &mut Conn,
    (group, email, allowed, stamp): &(GroupId, String, Filter, AuditStamp),
) -> Result<(), TransactionError<DirectoryError>> {
    require_group(conn, *group, allowed).await?;
    let removed = diesel::delete(
        invitations::table
            .filter(invitations::group_id.eq(id_param(*group)))
            .filter(invitations::email_key.eq(email.to_ascii_lowercase())),
    )
    .execute(conn)
    .await?;
    require_one(removed)?;
    of_group(conn, stamp, (AuditAction::MemberUninvite, *group), json!({ "email": email })).await
}

pub(crate) async fn accept(
    conn: &mut Conn,
    (group, user, stamp): &(GroupId, UserId, AuditStamp),
) -> Result<(), TransactionError<DirectoryError>> {
    let email_key = users::table.filter(users::id.eq(id_param(*user))).select(users::email_key);
    let role: Option<String> = diesel::delete(
        invitations::table
            .filter(invitations::group_id.eq(id_param(*group)))
            .filter(invitations::email_key.eq_any(email_key)),
    )
    .returning(invitations::role)
    .get_result(conn)
    .await
    .optional()?;
    let role = role.ok_or(TransactionError::Refused(DirectoryError::NotFound))?;
    let active = MembershipStatus::Active.as_str();
    diesel::insert_into(memberships::table)
        .values((
            memberships::user_id.eq(id_param(*user)),
            memberships::group_id.eq(id_param(*group)),
            memberships::role.eq(&role),
            memberships::status.eq(active),
            memberships::created_at.eq(stamp.at.as_micros()),
        ))
        .on_conflict((memberships::user_id, memberships::group_id))
        .do_update()
        .set(memberships::status.eq(active))
        .apply(conn)
        .await?;
    let detail = json!({ "user_id": user.to_string(), "role": role });
    of_group(conn, stamp, (AuditAction::MemberAccept, *group), detail).await
}

async fn require_group(
    conn: &mut Conn,
    group: GroupId,
    allowed: &Filter,
) -> Result<(), TransactionError<DirectoryError>> {
    let found = group_queries::by_id(conn, &(group, allowed.clone())).await?;
    found.map(|_| ()).ok_or(TransactionError::Refused(DirectoryError::NotFound))
}

fn require_one(changed: usize) -> Result<(), TransactionError<DirectoryError>> {
    if changed == 0 { Err(TransactionError::Refused(DirectoryError::NotFound)) } else { Ok(()) }
}

async fn of_group(
    conn: &mut Conn,
    stamp: &AuditStamp,
    (action, group): (AuditAction, GroupId),
    detail: Value,
) -> Result<(), TransactionError<DirectoryError>> {
    Ok(record(conn, stamp, AuditEntry { action, of: ("Group", &group), detail }).await?)
}
