//! Entries of the audit log.

use causerie_domain::audit_events::AuditEvent;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::values::{AuditActionDto, Id, TimestampDto};

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct AuditEventDto {
    id: Id,
    created_at: TimestampDto,
    /// Who; null for the operator at the command line.
    actor_id: Option<Id>,
    /// With which key.
    api_key_id: Option<Id>,
    action: AuditActionDto,
    /// To what kind of thing.
    subject_type: String,
    /// To which one. It may be gone.
    subject_id: String,
    /// What else is to be known, by action.
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
