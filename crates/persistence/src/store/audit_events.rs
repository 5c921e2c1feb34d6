//! Audit events.

use causerie_domain::audit_events::{AuditAction, AuditEvent, AuditStamp};
use causerie_domain::page::Page;
use causerie_domain::ports::{AuditEventQuery, AuditEvents, StoreError};
use causerie_domain::{AuditEventId, SessionId};

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl AuditEvents for SqlStore {
    async fn audit_events(
        &self,
        list: AuditEventQuery,
    ) -> Result<Page<AuditEvent, AuditEventId>, StoreError> {
        transact!(self, Snapshot, audit_events::page(list))
    }

    async fn record(
        &self,
        action: AuditAction,
        session: SessionId,
        stamp: AuditStamp,
    ) -> Result<(), StoreError> {
        transact!(self, Write, audit_events::record_on_session((action, session, stamp)))
    }
}
