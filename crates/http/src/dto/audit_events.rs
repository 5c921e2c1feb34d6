//! Events of the audit log.

use causerie_domain::AuditEventId;
use causerie_domain::audit_events::AuditEvent;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::page::{PageCursor, id_cursor};
use super::values::{AuditActionDto, Id, TimestampDto};

/// An event of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct AuditEventDto {
    id: Id,
    created_at: TimestampDto,
    /// The user who caused the event; null for the operator at the command line.
    actor_id: Option<Id>,
    /// The API key of the request.
    api_key_id: Option<Id>,
    action: AuditActionDto,
    /// Type of the subject.
    subject_type: String,
    /// Id of the subject, which may no longer exist.
    subject_id: String,
    /// Further data, depending on the action.
    detail: Value,
}

impl From<AuditEvent> for AuditEventDto {
    fn from(event: AuditEvent) -> Self {
        AuditEventDto {
            id: event.id.into(),
            created_at: event.at.into(),
            actor_id: event.actor_id.map(Id::from),
            api_key_id: event.api_key_id.map(Id::from),
            action: event.action.into(),
            subject_type: event.subject_type,
            subject_id: event.subject_id,
            detail: serde_json::from_str(&event.detail).unwrap_or(Value::Null),
        }
    }
}

id_cursor!(AuditEventId in "audit-events");
