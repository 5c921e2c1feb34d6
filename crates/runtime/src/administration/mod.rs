//! Operator of the directory with the rights of a principal: users, groups, API keys, rules and budgets.
//!
//! Each change is one call of the directory, which stores the audit event in the same transaction.

mod api_keys;
mod audit_events;
mod budgets;
mod groups;
mod memberships;
mod rule_limits;
mod rules;
mod users;
mod validation;

use std::sync::Arc;

use causerie_domain::AuditEventId;
use causerie_domain::audit_events::AuditStamp;
use causerie_domain::ports::{Directory, DirectoryError};
use causerie_domain::principal::Principal;

pub use api_keys::{CreateApiKey, MAX_SCOPES};
pub use audit_events::ListAuditEvents;
pub use memberships::{NewMember, VisibleMember};
pub use users::{CreateUser, VisibleUser};
pub use validation::{email_error, name_error};

use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

impl Runtime {
    /// Returns the port of the directory.
    pub(crate) fn directory(&self) -> Result<&Arc<dyn Directory>, RuntimeError> {
        let missing = || RuntimeError::Internal("the runtime was built without a directory".to_owned());
        self.inner.directory.as_ref().ok_or_else(missing)
    }

    /// Returns the actor and the time of an audit event.
    pub(crate) fn stamp(&self, principal: &Principal) -> AuditStamp {
        AuditStamp {
            event_id: AuditEventId::next(self.inner.ids.as_ref()),
            actor_id: Some(principal.user.id),
            api_key_id: principal.api_key_id(),
            at: self.inner.clock.now(),
        }
    }
}

impl From<DirectoryError> for RuntimeError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::NotFound => RuntimeError::NotFound,
            DirectoryError::NotAMember => {
                RuntimeError::Forbidden { reason: Some("not_a_group_member".to_owned()) }
            }
            DirectoryError::Store(error) => RuntimeError::Store(error),
            // Callers that can receive another error without a code handle it before.
            error => RuntimeError::refused(&error),
        }
    }
}
