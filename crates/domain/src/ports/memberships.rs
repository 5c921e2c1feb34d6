//! Port for memberships and invitations.

use std::fmt::Debug;

use super::{DirectoryError, StoreError};
use crate::audit_events::AuditStamp;
use crate::memberships::{GroupRole, Invitation, Member};
use crate::page::{Page, PageRequest};
use crate::{Filter, GroupId, UserId};

/// A user in a group that must match the filter (on Group).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRef {
    pub group_id: GroupId,
    /// Groups that the principal may change (filter on Group).
    pub allowed: Filter,
    pub user_id: UserId,
}

/// Stores memberships and invitations. Each change and its audit event are one transaction.
#[async_trait::async_trait]
pub trait Memberships: Send + Sync + Debug {
    /// Returns a page of the members of a group that match the filter (on User), by user id.
    async fn members(
        &self,
        group: GroupId,
        visible: &Filter,
        page: PageRequest<UserId>,
    ) -> Result<Page<Member, UserId>, StoreError>;

    /// Adds a member, or sets the role of an existing member.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] for the group, [`DirectoryError::NoSuchReference`] for the user.
    async fn add_member(
        &self,
        member: MemberRef,
        role: GroupRole,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;

    /// Sets the role of a member.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    async fn change_member(
        &self,
        member: MemberRef,
        role: GroupRole,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;

    /// Removes a member.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    async fn remove_member(&self, member: MemberRef, stamp: AuditStamp) -> Result<(), DirectoryError>;

    /// Returns a page of the open invitations to a group, by e-mail address in lower case.
    async fn invitations(
        &self,
        group: GroupId,
        page: PageRequest<String>,
    ) -> Result<Page<Invitation, String>, StoreError>;

    /// Returns the open invitations of a user, found by its e-mail address.
    async fn invitations_of(&self, user: UserId) -> Result<Vec<Invitation>, StoreError>;

    /// Invites an e-mail address to a group that matches the filter (on Group). A second invitation replaces the
    /// first. The result does not depend on whether a user has the address.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] for the group.
    async fn invite(
        &self,
        invitation: Invitation,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;

    /// Withdraws an invitation.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    async fn uninvite(
        &self,
        group: GroupId,
        email: String,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;

    /// Accepts the invitation of the e-mail address of the user. An existing member keeps its role.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if the address is not invited.
    async fn accept(&self, group: GroupId, user: UserId, stamp: AuditStamp) -> Result<(), DirectoryError>;
}
