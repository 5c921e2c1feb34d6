//! Port for stored permission rules.

use std::fmt::Debug;

use super::{DirectoryError, StoreError};
use crate::audit_events::AuditStamp;
use crate::{Filter, GroupId, UserId};

/// Owner of stored rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleOwner {
    /// The rules apply to each member of the group.
    Group(GroupId),
    /// The rules apply to the user.
    User(UserId),
}

/// Replacement of all rules of an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesChange {
    /// The stored rules that the decision about the new ones is based on.
    pub expected: Vec<String>,
    /// The new rules in order, each as JSON text.
    pub rules: Vec<String>,
}

/// Stores permission rules. Each change and its audit event are one transaction.
#[async_trait::async_trait]
pub trait Rules: Send + Sync + Debug {
    /// Returns the rules of an owner in order, each as JSON text. An owner that does not exist has none.
    async fn stored_rules(&self, owner: RuleOwner) -> Result<Vec<String>, StoreError>;

    /// Replaces all rules of an owner that matches the filter (on Group or User). The audit event has the new rules and
    /// those that were replaced. Returns whether the expected rules were stored; otherwise nothing is changed.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    async fn replace_rules(
        &self,
        owner: RuleOwner,
        allowed: &Filter,
        change: RulesChange,
        stamp: AuditStamp,
    ) -> Result<bool, DirectoryError>;
}
