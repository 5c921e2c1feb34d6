//! Port for audit events.

use std::fmt::Debug;

use crate::audit_events::{AuditAction, AuditEvent, AuditStamp};
use crate::page::{Page, PageRequest};
use crate::ports::StoreError;
use crate::{AuditEventId, SessionId, UserId};

/// Selects audit events, latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEventQuery {
    pub actor_id: Option<UserId>,
    /// Id of the changed object.
    pub subject_id: Option<String>,
    pub page: PageRequest<AuditEventId>,
}

/// Stores audit events. Methods of other ports write the events of their changes themselves; this port records reads
/// of sessions of other users.
#[async_trait::async_trait]
pub trait AuditEvents: Send + Sync + Debug {
    /// Returns audit events, latest first.
    async fn audit_events(&self, list: AuditEventQuery)
    -> Result<Page<AuditEvent, AuditEventId>, StoreError>;

    /// Records access to a session of another user.
    async fn record(
        &self,
        action: AuditAction,
        session: SessionId,
        stamp: AuditStamp,
    ) -> Result<(), StoreError>;
}
