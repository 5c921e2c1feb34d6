//! Audit events of the directory.

use causerie_domain::audit_events::AuditEvent;
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::AuditEventQuery;
use causerie_domain::principal::Principal;
use causerie_domain::{AuditEventId, Filter, UserId};

use crate::authorization::Action;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Selects audit events, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAuditEvents {
    /// Changes of this user only.
    pub actor_id: Option<UserId>,
    /// Changes of the object with this id only.
    pub subject_id: Option<String>,
    /// Maximum number of events, 1 to 100.
    pub limit: u32,
    /// Last event of the previous page.
    pub after: Option<AuditEventId>,
}

impl Runtime {
    /// Returns a page of audit events. Events can name any user, so the principal must have the right to audit all
    /// users.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`].
    pub async fn audit_events(
        &self,
        principal: &Principal,
        list: ListAuditEvents,
    ) -> Result<Page<AuditEvent, AuditEventId>, RuntimeError> {
        if self.access(principal)?.users(Action::Audit)? != Filter::Everything {
            return Err(RuntimeError::Forbidden { reason: None });
        }
        let ListAuditEvents { actor_id, subject_id, limit, after } = list;
        let page = PageRequest { limit, after: after.map(After) };
        Ok(self.directory()?.audit_events(AuditEventQuery { actor_id, subject_id, page }).await?)
    }
}
