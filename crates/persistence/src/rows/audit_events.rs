//! Rows of `audit_events`.

use causerie_domain::audit_events::AuditEvent;
use causerie_domain::ports::StoreError;
use causerie_domain::{ApiKeyId, AuditEventId, Timestamp, UserId};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::parse_variant;
use crate::schema::audit_events;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = audit_events, check_for_backend(Pg, Sqlite))]
pub(crate) struct AuditEventRow {
    id: AuditEventId,
    created_at: i64,
    actor_id: Option<UserId>,
    api_key_id: Option<ApiKeyId>,
    action: String,
    subject_type: String,
    subject_id: String,
    detail: String,
}

impl TryFrom<AuditEventRow> for AuditEvent {
    type Error = StoreError;

    fn try_from(row: AuditEventRow) -> Result<Self, StoreError> {
        Ok(AuditEvent {
            id: row.id,
            at: Timestamp::from_micros(row.created_at),
            actor_id: row.actor_id,
            api_key_id: row.api_key_id,
            action: parse_variant("audit_events.action", &row.action)?,
            subject_type: row.subject_type,
            subject_id: row.subject_id,
            detail: row.detail,
        })
    }
}
