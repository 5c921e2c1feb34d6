//! The port to the audit log.

use std::fmt::Debug;

use crate::audit_events::{AuditAction, AuditEvent, AuditStamp};
use crate::page::{Page, PageRequest};
use crate::ports::StoreError;
use crate::{AuditEventId, SessionId, UserId};

/// Which entries to list, the latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEventQuery {
    /// Only what this user did.
    pub actor_id: Option<UserId>,
    /// Only what was done to the thing with this id.
    pub subject_id: Option<String>,
    /// The page.
    pub page: PageRequest<AuditEventId>,
}

/// Keeps the audit log. Changes of people, rights and tools write their entries themselves; what is
/// done to conversations of others is recorded here.
#[async_trait::async_trait]
pub trait AuditEvents: Send + Sync + Debug {
    /// Entries, the latest first.
    async fn audit_events(&self, list: AuditEventQuery)
    -> Result<Page<AuditEvent, AuditEventId>, StoreError>;

    /// Records what somebody does to a conversation of somebody else.
    async fn record(
        &self,
        action: AuditAction,
        session: SessionId,
        stamp: AuditStamp,
    ) -> Result<(), StoreError>;
}
