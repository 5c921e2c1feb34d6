//! Port for groups.

use std::fmt::Debug;
use std::num::NonZeroU32;

use super::{DirectoryError, StoreError};
use crate::audit_events::AuditStamp;
use crate::groups::Group;
use crate::page::{Page, PageRequest};
use crate::{Filter, GroupId};

/// Changeset of a group: fields that are `Some` are updated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupChange {
    pub name: Option<String>,
    /// Sends per minute that the group grants each of its members; `Some(None)` removes the grant.
    pub requests_per_minute: Option<Option<NonZeroU32>>,
}

/// Stores groups. Each change and its audit event are one transaction.
#[async_trait::async_trait]
pub trait Groups: Send + Sync + Debug {
    /// Returns a group that matches the filter (on Group).
    async fn group(&self, id: GroupId, visible: &Filter) -> Result<Option<Group>, StoreError>;

    /// Returns a page of groups that match the filter, by id.
    async fn groups(
        &self,
        visible: &Filter,
        page: PageRequest<GroupId>,
    ) -> Result<Page<Group, GroupId>, StoreError>;

    /// Creates a group without members.
    async fn add_group(&self, new: Group, stamp: AuditStamp) -> Result<Group, DirectoryError>;

    /// Changes a group that matches the filter.
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

    /// Deletes a group that matches the filter, with its memberships, rules and API keys.
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
