//! Administering people, groups, keys, rules and models, as principals may.
//!
//! Every change is one call of the directory, which writes its entry of the audit log with it.

mod api_keys;
mod budgets;
mod groups;
mod rules;
mod users;
mod validation;

use std::sync::Arc;

use causerie_domain::audit_events::{AuditEvent, AuditStamp};
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{AuditEventQuery, Directory, DirectoryError};
use causerie_domain::principal::Principal;
use causerie_domain::{AuditEventId, Filter, UserId};

pub use api_keys::CreateKey;
pub use groups::{AddMember, SeenMember};
pub use users::{CreateUser, SeenUser};
pub use validation::{wrong_email, wrong_name};

use crate::authorization::Action;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Which entries of the audit log to list, the latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAudit {
    /// Only what this user did.
    pub actor_id: Option<UserId>,
    /// Only what was done to the thing with this id.
    pub subject_id: Option<String>,
    /// How many at most, 1 to 100.
    pub limit: u32,
    /// The last entry of the page before.
    pub after: Option<AuditEventId>,
}

impl Runtime {
    /// The audit log, for principals that may audit every user: an entry can name anybody.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`].
    pub async fn audit_events(
        &self,
        principal: &Principal,
        list: ListAudit,
    ) -> Result<Page<AuditEvent, AuditEventId>, RuntimeError> {
        if self.access(principal)?.users(Action::Audit)? != Filter::Everything {
            return Err(RuntimeError::Forbidden { reason: None });
        }
        let ListAudit { actor_id, subject_id, limit, after } = list;
        let page = PageRequest { limit, after: after.map(After) };
        Ok(self.directory()?.audit_events(AuditEventQuery { actor_id, subject_id, page }).await?)
    }

    /// Where people, groups, keys and rules are kept.
    pub(crate) fn directory(&self) -> Result<&Arc<dyn Directory>, RuntimeError> {
        let missing = || RuntimeError::Internal("the runtime was built without a directory".to_owned());
        self.inner.directory.as_ref().ok_or_else(missing)
    }

    /// Who changes something, and now.
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
            DirectoryError::EmailTaken => RuntimeError::EmailTaken,
            DirectoryError::LastAdmin => RuntimeError::LastAdmin,
            DirectoryError::GroupInUse => RuntimeError::GroupInUse,
            DirectoryError::NotAMember => {
                RuntimeError::Forbidden { reason: Some("not_a_group_member".to_owned()) }
            }
            DirectoryError::Store(error) => RuntimeError::Store(error),
            // Each call that can meet these has an answer of its own.
            error @ (DirectoryError::NoSuchReference | DirectoryError::TurnsRunning(_)) => {
                RuntimeError::Internal(error.to_string())
            }
        }
    }
}
