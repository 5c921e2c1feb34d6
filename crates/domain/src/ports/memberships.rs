//! Port for memberships and invitations.

use std::fmt::Debug;

use super::{DirectoryError, StoreError};
use crate::audit_events::AuditStamp;
use crate::memberships::{GroupRole, Invitation, Member};
use crate::page::{Page, PageRequest};
use crate::{Filter, GroupId, UserId};

/// A group that the filter (on Group) must admit, and a user in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRef {
    /// The group.
    pub group_id: GroupId,
    /// What the caller may do this to.
    pub allowed: Filter,
    /// The user.
    pub user_id: UserId,
}

/// Keeps who is in a group, and who is invited.
#[async_trait::async_trait]
pub trait Memberships: Send + Sync + Debug {
    /// The members of a group that the filter (on User) admits, by user id.
    async fn members(
        &self,
        group: GroupId,
        visible: &Filter,
        page: PageRequest<UserId>,
    ) -> Result<Page<Member, UserId>, StoreError>;

    /// Makes a user a member; one that is a member gets the role.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] for the group, [`DirectoryError::NoSuchReference`] for the user.
    async fn add_member(
        &self,
        member: MemberRef,
        role: GroupRole,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;

    /// Gives a member another role.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    async fn change_member(
        &self,
        member: MemberRef,
        role: GroupRole,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;

    /// Ends a membership.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    async fn remove_member(&self, member: MemberRef, stamp: AuditStamp) -> Result<(), DirectoryError>;

    /// The open invitations to a group, by address in lower case.
    async fn invitations(
        &self,
        group: GroupId,
        page: PageRequest<String>,
    ) -> Result<Page<Invitation, String>, StoreError>;

    /// The open invitations of a user, by its address.
    async fn invitations_of(&self, user: UserId) -> Result<Vec<Invitation>, StoreError>;

    /// Invites an address to a group that the filter (on Group) admits. A second invitation replaces the first;
    /// whether a user has the address makes no difference.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] for the group.
    async fn invite(
        &self,
        invitation: Invitation,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;

    /// Takes an invitation back.
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

    /// Accepts the invitation of the user's own address. A member that was invited again keeps its role.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] where the address is not invited.
    async fn accept(&self, group: GroupId, user: UserId, stamp: AuditStamp) -> Result<(), DirectoryError>;
}
