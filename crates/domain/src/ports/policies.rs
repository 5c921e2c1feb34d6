//! The port to what administrators lay down: stored rules, and who may use which model.

use std::fmt::Debug;

use super::{DirectoryError, StoreError};
use crate::audit::AuditStamp;
use crate::model::Model;
use crate::{Filter, GroupId, UserId};

/// Whose rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleOwner {
    /// Those of everybody in a group.
    Group(GroupId),
    /// Those of one user.
    User(UserId),
}

/// What to change about a model. What is `None` stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelChange {
    /// Whether it may be used.
    pub enabled: Option<bool>,
    /// Whether only the group may use it.
    pub restricted: Option<bool>,
    /// The group it is for; the inner `None` takes it away.
    pub group_id: Option<Option<GroupId>>,
}

/// Keeps rules and the rights to models.
#[async_trait::async_trait]
pub trait Policies: Send + Sync + Debug {
    /// The rules of a group or a user in their order, each as JSON text; none for an owner that does not exist.
    async fn stored_rules(&self, owner: RuleOwner) -> Result<Vec<String>, StoreError>;

    /// Replaces all rules of a group or a user that the filter (on Group or on User) admits.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    async fn replace_rules(
        &self,
        owner: RuleOwner,
        allowed: &Filter,
        rules: Vec<String>,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;

    /// Changes a model that the filter (on Model) admits.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::NoSuchReference`] for the group.
    async fn change_model(
        &self,
        id: &str,
        allowed: &Filter,
        change: ModelChange,
        stamp: AuditStamp,
    ) -> Result<Model, DirectoryError>;
}
