//! Groups, their members, and invitations.

use causerie_domain::groups::Group;
use causerie_domain::memberships::{GroupRole, Invitation};
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{DirectoryError, GroupChange, MemberRef};
use causerie_domain::principal::Principal;
use causerie_domain::users::UserView;
use causerie_domain::{Filter, GroupId, Timestamp, UserId};
use causerie_permissions::SubjectType;

use super::users::SeenUser;
use super::validation::FieldErrors;
use crate::authorization::subjects;
use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Who is to become a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddMember {
    /// Whoever has this address, if they accept. It is answered alike whether or not anybody has it.
    Invite(String),
    /// This user, without being asked: for who manages the group.
    Directly(UserId),
}

/// A member, and what of it the principal may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenMember {
    /// The user.
    pub user: SeenUser,
    /// The role in the group.
    pub role: GroupRole,
    /// Since when.
    pub since: Timestamp,
}

impl Runtime {
    /// The groups that the principal may read, by id.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`].
    pub async fn groups(
        &self,
        principal: &Principal,
        page: PageRequest<GroupId>,
    ) -> Result<Page<Group, GroupId>, RuntimeError> {
        let visible = self.access(principal)?.groups(Action::Read)?;
        Ok(self.directory()?.groups(&visible, page).await?)
    }

    /// A group.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`]; so for the ones below.
    pub async fn group(&self, principal: &Principal, id: GroupId) -> Result<Group, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_group(&access, id, Action::Read).await
    }

    /// Makes a group without members.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`], [`RuntimeError::Invalid`].
    pub async fn create_group(&self, principal: &Principal, name: String) -> Result<Group, RuntimeError> {
        let access = self.access(principal)?;
        access.groups(Action::Create)?;
        check_name(&name)?;
        let stamp = self.stamp(principal);
        let id = GroupId::next(self.inner.ids.as_ref());
        let new = Group { id, name, requests_per_minute: None, created_at: stamp.at };
        access.require(Action::Create, &subjects::group(&new))?;
        Ok(self.directory()?.add_group(new, stamp).await?)
    }

    /// Changes a group. Its limit of sends is for who manages it: no admin of a group raises their own.
    ///
    /// # Errors
    /// Also [`RuntimeError::Invalid`].
    pub async fn change_group(
        &self,
        principal: &Principal,
        id: GroupId,
        change: GroupChange,
    ) -> Result<Group, RuntimeError> {
        let access = self.access(principal)?;
        let group = self.permitted_group(&access, id, Action::Update).await?;
        let mut allowed = access.groups(Action::Update)?;
        let mut mistakes = FieldErrors::default();
        if let Some(name) = &change.name {
            access.require_field(Action::Update, &subjects::group(&group), Some("name"))?;
            mistakes.check_name("/name", name);
        }
        if let Some(rate) = change.requests_per_minute {
            access.require(Action::Manage, &subjects::group(&group))?;
            allowed = Filter::all([allowed, access.groups(Action::Manage)?]);
            mistakes.check_rate("/requests_per_minute", rate);
        }
        mistakes.finish()?;
        Ok(self.directory()?.change_group(id, &allowed, change, self.stamp(principal)).await?)
    }

    /// Deletes a group, with its memberships, rules and the keys bound to it.
    ///
    /// # Errors
    /// Also [`RuntimeError::GroupInUse`].
    pub async fn delete_group(&self, principal: &Principal, id: GroupId) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_group(&access, id, Action::Delete).await?;
        let allowed = access.groups(Action::Delete)?;
        Ok(self.directory()?.delete_group(id, &allowed, self.stamp(principal)).await?)
    }

    /// The members of a group whom the principal may read, by user id.
    pub async fn members(
        &self,
        principal: &Principal,
        id: GroupId,
        page: PageRequest<UserId>,
    ) -> Result<Page<SeenMember, UserId>, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_group(&access, id, Action::Read).await?;
        let found = self.directory()?.members(id, &access.users(Action::Read)?, page).await?;
        let seen = found.rows.into_iter().map(|member| SeenMember {
            user: access.see_user(member.view),
            role: member.role,
            since: member.since,
        });
        Ok(Page { rows: seen.collect(), next: found.next })
    }

    /// Invites somebody to a group, or makes them a member.
    ///
    /// # Errors
    /// Also [`RuntimeError::Invalid`].
    pub async fn add_member(
        &self,
        principal: &Principal,
        id: GroupId,
        who: AddMember,
        role: GroupRole,
    ) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        let group = self.permitted_group(&access, id, Action::Update).await?;
        let stamp = self.stamp(principal);
        match who {
            AddMember::Invite(email) => {
                let mut mistakes = FieldErrors::default();
                mistakes.check_email("/email", &email);
                mistakes.finish()?;
                let (group_name, created_at) = (group.name, stamp.at);
                let invitation = Invitation { group_id: id, group_name, email, role, created_at };
                let allowed = access.groups(Action::Update)?;
                Ok(self.directory()?.invite(invitation, &allowed, stamp).await?)
            }
            AddMember::Directly(user_id) => {
                // Membership shows what a user costs, so it takes their consent or somebody above the group.
                access.require(Action::Manage, &subjects::group(&group))?;
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

    /// Gives a member another role.
    pub async fn change_member(
        &self,
        principal: &Principal,
        id: GroupId,
        user_id: UserId,
        role: GroupRole,
    ) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_group(&access, id, Action::Update).await?;
        let member = MemberRef { group_id: id, allowed: access.groups(Action::Update)?, user_id };
        Ok(self.directory()?.change_member(member, role, self.stamp(principal)).await?)
    }

    /// Removes a member.
    pub async fn remove_member(
        &self,
        principal: &Principal,
        id: GroupId,
        user_id: UserId,
    ) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_group(&access, id, Action::Update).await?;
        let member = MemberRef { group_id: id, allowed: access.groups(Action::Update)?, user_id };
        Ok(self.directory()?.remove_member(member, self.stamp(principal)).await?)
    }

    /// The open invitations to a group, by address.
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

    /// Takes an invitation back.
    pub async fn uninvite(
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

    /// Accepts the invitation of the principal's own address. It changes who the principal is, and so needs what a
    /// change of its own name needs.
    pub async fn accept_invitation(&self, principal: &Principal, id: GroupId) -> Result<(), RuntimeError> {
        require_oneself(&self.access(principal)?, principal)?;
        Ok(self.directory()?.accept(id, principal.user.id, self.stamp(principal)).await?)
    }

    /// Ends the principal's own membership.
    pub async fn leave_group(&self, principal: &Principal, id: GroupId) -> Result<(), RuntimeError> {
        require_oneself(&self.access(principal)?, principal)?;
        let member = MemberRef { group_id: id, allowed: Filter::Everything, user_id: principal.user.id };
        Ok(self.directory()?.remove_member(member, self.stamp(principal)).await?)
    }

    /// A group on which an action is allowed: one the principal may not know of does not exist.
    pub(super) async fn permitted_group(
        &self,
        access: &Access,
        id: GroupId,
        action: Action,
    ) -> Result<Group, RuntimeError> {
        let lookup_filter = access.lookup_filter(action, SubjectType::Group)?;
        let group = self.directory()?.group(id, &lookup_filter).await?.ok_or(RuntimeError::NotFound)?;
        access.require(action, &subjects::group(&group))?;
        Ok(group)
    }
}

fn require_oneself(access: &Access, principal: &Principal) -> Result<(), RuntimeError> {
    access.users(Action::Update)?;
    let group_ids = principal.memberships.iter().map(|membership| membership.group_id).collect();
    access.require(Action::Update, &subjects::user(&UserView { user: principal.user.clone(), group_ids }))
}

fn check_name(name: &str) -> Result<(), RuntimeError> {
    let mut mistakes = FieldErrors::default();
    mistakes.check_name("/name", name);
    mistakes.finish()
}
