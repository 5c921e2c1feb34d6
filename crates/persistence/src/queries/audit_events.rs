//! Audit events.

use std::fmt::Display;

use causerie_domain::audit_events::{AuditAction, AuditEvent, AuditStamp};
use causerie_domain::page::{After, Page};
use causerie_domain::ports::AuditEventQuery;
use causerie_domain::{AuditEventId, SessionId};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::{Value, json};

use super::sizes::{self, PageLength};
use super::{Conn, RunQueryDsl};
use crate::error::QueryError;
use crate::rows::{AuditEventRow, checked_text};
use crate::schema::audit_events;
use crate::types::id_param;

/// An audit event to record.
pub(super) struct AuditEntry<'a> {
    pub(super) action: AuditAction,
    /// Subject type, as rules name it, and id of the subject.
    pub(super) of: (&'a str, &'a (dyn Display + Sync)),
    pub(super) detail: Value,
}

/// Records an event in the transaction of the action.
pub(super) async fn record(
    conn: &mut Conn,
    stamp: &AuditStamp,
    entry: AuditEntry<'_>,
) -> Result<(), QueryError> {
    let (subject_type, subject_id) = entry.of;
    let detail = entry.detail.to_string();
    diesel::insert_into(audit_events::table)
        .values((
            audit_events::id.eq(id_param(stamp.event_id)),
            audit_events::created_at.eq(stamp.at.as_micros()),
            audit_events::actor_id.eq(stamp.actor_id.map(id_param)),
            audit_events::api_key_id.eq(stamp.api_key_id.map(id_param)),
            audit_events::action.eq(entry.action.as_str()),
            audit_events::subject_type.eq(subject_type),
            audit_events::subject_id.eq(subject_id.to_string()),
            audit_events::detail.eq(checked_text("audit_events.detail", &detail)?),
        ))
        .apply(conn)
        .await?;
    Ok(())
}

/// Records an action on a session.
pub(crate) async fn record_on_session(
    conn: &mut Conn,
    (action, session, stamp): &(AuditAction, SessionId, AuditStamp),
) -> Result<(), QueryError> {
    record(conn, stamp, AuditEntry { action: *action, of: ("Session", session), detail: json!({}) }).await
}

/// Statement of the listed events, latest first.
macro_rules! listed {
    ($list:expr) => {{
        let mut query = audit_events::table.order(audit_events::id.desc()).into_boxed();
        if let Some(actor) = $list.actor_id {
            query = query.filter(audit_events::actor_id.eq(id_param(actor)));
        }
        if let Some(subject) = &$list.subject_id {
            query = query.filter(audit_events::subject_id.eq(subject));
        }
        if let Some(After(last)) = $list.page.after {
            query = query.filter(audit_events::id.lt(id_param(last)));
        }
        query
    }};
}

pub(crate) async fn page(
    conn: &mut Conn,
    list: &AuditEventQuery,
) -> Result<Page<AuditEvent, AuditEventId>, QueryError> {
    let size = sql::<BigInt>(sizes::AUDIT_EVENT);
    let sizes: Vec<i64> = listed!(list).select(size).limit(i64::from(list.page.limit) + 1).load(conn).await?;
    let length = PageLength::of(&sizes, list.page.limit);
    let rows: Vec<AuditEventRow> =
        listed!(list).select(AuditEventRow::as_select()).limit(length.rows).load(conn).await?;
    let rows: Vec<AuditEvent> = rows.into_iter().map(AuditEvent::try_from).collect::<Result<_, _>>()?;
    let next = length.next(&rows, |event| event.id);
    Ok(Page { rows, next })
}
