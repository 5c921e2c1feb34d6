//! Members of groups, and invitations.

use causerie_domain::memberships::{GroupRole, Invitation};
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{DirectoryError, MemberRef};
use causerie_domain::principal::Principal;
use causerie_domain::users::UserView;
use causerie_domain::{Filter, GroupId, Timestamp, UserId};

use super::users::VisibleUser;
use super::validation::FieldErrors;
use crate::authorization::subjects;
use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Member to add to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewMember {
    /// Invites the user with this e-mail address. The response does not reveal whether such a user exists.
    Invite(String),
    /// Adds this user without an invitation. Requires the right to manage the group.
    Add(UserId),
}

/// Member of a group, with the fields that the principal may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleMember {
    pub user: VisibleUser,
    pub role: GroupRole,
    pub since: Timestamp,
}

impl Runtime {
    /// Returns the members of a group that the principal may read, by user id.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`]; the same for the methods below, where grants can also be
    /// [`RuntimeError::BeyondOwnRights`].
    pub async fn members(
        &self,
        principal: &Principal,
        id: GroupId,
        page: PageRequest<UserId>,
    ) -> Result<Page<VisibleMember, UserId>, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_group(&access, id, Action::Read).await?;
        let found = self.directory()?.members(id, &access.users(Action::Read)?, page).await?;
        let members = found.rows.into_iter().map(|member| VisibleMember {
            user: access.visible_user(member.view),
            role: member.role,
            since: member.since,
        });
        Ok(Page { rows: members.collect(), next: found.next })
    }

    /// Invites a user to a group, or adds a member.
    ///
    /// # Errors
    /// Also [`RuntimeError::Invalid`].
    pub async fn add_member(
        &self,
        principal: &Principal,
        id: GroupId,
        new: NewMember,
        role: GroupRole,
    ) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        let group = self.permitted_group(&access, id, Action::Update).await?;
        let stamp = self.stamp(principal);
        match new {
            NewMember::Invite(email) => {
                let mut errors = FieldErrors::default();
                errors.check_email("/email", &email);
                errors.finish()?;
                access.require_membership(id, role, &self.group_rules(id).await?)?;
                let (group_name, created_at) = (group.name, stamp.at);
                let invitation = Invitation { group_id: id, group_name, email, role, created_at };
                let allowed = access.groups(Action::Update)?;
                Ok(self.directory()?.invite(invitation, &allowed, stamp).await?)
            }
            NewMember::Add(user_id) => {
                // Members' costs are visible to the group, so this requires the user's consent or a manager of the
                // group.
                access.require(Action::Manage, &subjects::group(&group))?;
                access.require_membership(id, role, &self.group_rules(id).await?)?;
                let member = MemberRef { group_id: id, allowed: access.groups(Action::Manage)?, user_id };
                match self.directory()?.add_member(member, role, stamp).await {
                    Err(DirectoryError::NoSuchReference) => {
                        Err(RuntimeError::invalid("/user_id", "there is no such user"))
                    }
                    added => Ok(added?),
                }
            }
        }
    }

    /// Changes the role of a member. A higher role is a grant.
    pub async fn change_member(
        &self,
        principal: &Principal,
        id: GroupId,
        user_id: UserId,
        role: GroupRole,
    ) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_group(&access, id, Action::Update).await?;
        if role != GroupRole::Member {
            access.require_membership(id, role, &self.group_rules(id).await?)?;
        }
        let member = MemberRef { group_id: id, allowed: access.groups(Action::Update)?, user_id };
        Ok(self.directory()?.change_member(member, role, self.stamp(principal)).await?)
    }

    /// Removes a member. Prohibitions of the group end with the membership of another user, so their removal is a grant;
    /// everyone may leave a group.
    pub async fn remove_member(
        &self,
        principal: &Principal,
        id: GroupId,
        user_id: UserId,
    ) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_group(&access, id, Action::Update).await?;
        if user_id != principal.user.id {
            access.require_no_rules(&self.group_rules(id).await?)?;
        }
        let member = MemberRef { group_id: id, allowed: access.groups(Action::Update)?, user_id };
        Ok(self.directory()?.remove_member(member, self.stamp(principal)).await?)
    }

    /// Returns the open invitations to a group, by address.
    pub async fn invitations(
        &self,
        principal: &Principal,
        id: GroupId,
        page: PageRequest<String>,
    ) -> Result<Page<Invitation, String>, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_group(&access, id, Action::Update).await?;
        Ok(self.directory()?.invitations(id, page).await?)
    }

    /// Deletes an invitation.
    pub async fn delete_invitation(
        &self,
        principal: &Principal,
        id: GroupId,
        email: String,
    ) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_group(&access, id, Action::Update).await?;
        let allowed = access.groups(Action::Update)?;
        Ok(self.directory()?.uninvite(id, email, &allowed, self.stamp(principal)).await?)
    }

    /// Accepts the invitation of the principal to a group. Requires the right to update the principal's own user.
    pub async fn accept_invitation(&self, principal: &Principal, id: GroupId) -> Result<(), RuntimeError> {
        require_update_of_own_user(&*self.access(principal)?, principal)?;
        Ok(self.directory()?.accept(id, principal.user.id, self.stamp(principal)).await?)
    }

    /// Ends the membership of the principal in a group, or declines its invitation if there is no membership. Requires
    /// the right to update the principal's own user.
    pub async fn leave_group(&self, principal: &Principal, id: GroupId) -> Result<(), RuntimeError> {
        require_update_of_own_user(&*self.access(principal)?, principal)?;
        let directory = self.directory()?;
        let member = MemberRef { group_id: id, allowed: Filter::Everything, user_id: principal.user.id };
        match directory.remove_member(member, self.stamp(principal)).await {
            Err(DirectoryError::NotFound) => {}
            ended => return Ok(ended?),
        }
        let mut invitations = directory.invitations_of(principal.user.id).await?.into_iter();
        let invitation =
            invitations.find(|invitation| invitation.group_id == id).ok_or(RuntimeError::NotFound)?;
        let stamp = self.stamp(principal);
        Ok(directory.uninvite(id, invitation.email, &Filter::Everything, stamp).await?)
    }
}

fn require_update_of_own_user(access: &Access, principal: &Principal) -> Result<(), RuntimeError> {
    access.users(Action::Update)?;
    let group_ids = principal.memberships.iter().map(|membership| membership.group_id).collect();
    access.require(Action::Update, &subjects::user(&UserView { user: principal.user.clone(), group_ids }))
}
