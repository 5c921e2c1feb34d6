//! The ports to groups and to who is in them.

use std::fmt::Debug;
use std::num::NonZeroU32;

use super::{DirectoryError, StoreError};
use crate::audit_events::AuditStamp;
use crate::groups::Group;
use crate::page::{Page, PageRequest};
use crate::{Filter, GroupId};

/// What to change about a group. What is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupChange {
    /// The name.
    pub name: Option<String>,
    /// How many sends a minute it grants each of its members; the inner `None` takes the grant away.
    pub requests_per_minute: Option<Option<NonZeroU32>>,
}

/// Keeps groups, as principals administer them.
#[async_trait::async_trait]
pub trait Groups: Send + Sync + Debug {
    /// The group with this id, if the filter (on Group) admits it.
    async fn group(&self, id: GroupId, visible: &Filter) -> Result<Option<Group>, StoreError>;

    /// The groups that the filter admits, by id.
    async fn groups(
        &self,
        visible: &Filter,
        page: PageRequest<GroupId>,
    ) -> Result<Page<Group, GroupId>, StoreError>;

    /// Makes a group without members.
    async fn add_group(&self, new: Group, stamp: AuditStamp) -> Result<Group, DirectoryError>;

    /// Changes a group that the filter admits.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    async fn change_group(
        &self,
        id: GroupId,
        allowed: &Filter,
        change: GroupChange,
        stamp: AuditStamp,
    ) -> Result<Group, DirectoryError>;

    /// Deletes a group that the filter admits, with its memberships, rules and the keys bound to it.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::GroupInUse`].
    async fn delete_group(
        &self,
        id: GroupId,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;
}
