//! The audit log.

use std::fmt::Display;

use causerie_domain::audit_events::{AuditAction, AuditEvent, AuditStamp};
use causerie_domain::page::{After, Page};
use causerie_domain::ports::AuditEventQuery;
use causerie_domain::{AuditEventId, SessionId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use super::Conn;
use crate::error::Fault;
use crate::rows::{AuditEventRow, text};
use crate::schema::audit_events;
use crate::types::key;

/// What was done, to what, and what else is to be known.
pub(super) struct Entry<'a> {
    pub(super) action: AuditAction,
    /// The kind of thing, as rules name it, and its id.
    pub(super) of: (&'a str, &'a (dyn Display + Sync)),
    pub(super) detail: Value,
}

/// Writes an entry, in the transaction of what it tells.
pub(super) async fn record(conn: &mut Conn, stamp: &AuditStamp, entry: Entry<'_>) -> Result<(), Fault> {
    let (subject_type, subject_id) = entry.of;
    let detail = entry.detail.to_string();
    diesel::insert_into(audit_events::table)
        .values((
            audit_events::id.eq(key(stamp.event_id)),
            audit_events::created_at.eq(stamp.at.as_micros()),
            audit_events::actor_id.eq(stamp.actor_id.map(key)),
            audit_events::api_key_id.eq(stamp.api_key_id.map(key)),
            audit_events::action.eq(entry.action.as_str()),
            audit_events::subject_type.eq(subject_type),
            audit_events::subject_id.eq(subject_id.to_string()),
            audit_events::detail.eq(text("audit_events.detail", &detail)?),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Records what somebody does to a conversation.
pub(crate) async fn record_on_session(
    conn: &mut Conn,
    (action, session, stamp): &(AuditAction, SessionId, AuditStamp),
) -> Result<(), Fault> {
    record(conn, stamp, Entry { action: *action, of: ("Session", session), detail: json!({}) }).await
}

pub(crate) async fn page(
    conn: &mut Conn,
    list: &AuditEventQuery,
) -> Result<Page<AuditEvent, AuditEventId>, Fault> {
    let limit = list.page.limit;
    let mut query = audit_events::table
        .select(AuditEventRow::as_select())
        .order(audit_events::id.desc())
        .limit(i64::from(limit) + 1)
        .into_boxed();
    if let Some(actor) = list.actor_id {
        query = query.filter(audit_events::actor_id.eq(key(actor)));
    }
    if let Some(subject) = &list.subject_id {
        query = query.filter(audit_events::subject_id.eq(subject));
    }
    if let Some(After(last)) = list.page.after {
        query = query.filter(audit_events::id.lt(key(last)));
    }
    let rows: Vec<AuditEventRow> = query.load(conn).await?;
    let events = rows.into_iter().map(AuditEvent::try_from).collect::<Result<_, _>>()?;
    Ok(Page::cut(events, limit, |event: &AuditEvent| event.id))
}
