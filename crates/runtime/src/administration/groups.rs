//! Groups of users.

use causerie_domain::budgets::BudgetSubject;
use causerie_domain::groups::Group;
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::GroupChange;
use causerie_domain::principal::Principal;
use causerie_domain::{Filter, GroupId};
use causerie_permissions::SubjectType;

use super::validation::FieldErrors;
use crate::authorization::subjects;
use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

impl Runtime {
    /// Returns a page of the groups that the principal may read, by id.
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

    /// Returns a group.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`]; the same for the methods below.
    pub async fn group(&self, principal: &Principal, id: GroupId) -> Result<Group, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_group(&access, id, Action::Read).await
    }

    /// Creates a group without members.
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

    /// Changes a group. A change of its rate limit requires the right to manage the group, which admins of the
    /// group do not have. A member of the group may lower the limit; only an admin whose credential has no scopes may raise or
    /// remove a limit that binds the admin.
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
        let mut errors = FieldErrors::default();
        if let Some(name) = &change.name {
            access.require_field(Action::Update, &subjects::group(&group), Some("name"))?;
            errors.check_name("/name", name);
        }
        if let Some(rate) = change.requests_per_minute {
            access.require(Action::Manage, &subjects::group(&group))?;
            allowed = Filter::all([allowed, access.groups(Action::Manage)?]);
            errors.check_rate("/requests_per_minute", rate);
            let is_lowered = rate == group.requests_per_minute
                || rate.is_some_and(|new| Some(new) < group.requests_per_minute);
            if access.is_member(id) && !is_lowered {
                access.require_unscoped_admin("/requests_per_minute", "a limit that binds the caller")?;
            }
        }
        errors.finish()?;
        Ok(self.directory()?.change_group(id, &allowed, change, self.stamp(principal)).await?)
    }

    /// Deletes a group with its memberships, its rules and the API keys that are bound to it.
    ///
    /// # Errors
    /// Also [`RuntimeError::Refused`], and [`RuntimeError::BeyondOwnRights`] if a prohibition or a limit would end.
    pub async fn delete_group(&self, principal: &Principal, id: GroupId) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        let group = self.permitted_group(&access, id, Action::Delete).await?;
        if access.is_member(id) && group.requests_per_minute.is_some() {
            access.require_unscoped_admin("", "a limit that binds the caller")?;
        }
        self.require_budget_removal(&access, BudgetSubject::Group(id)).await?;
        access.require_no_rules(&self.group_rules(id).await?)?;
        let allowed = access.groups(Action::Delete)?;
        Ok(self.directory()?.delete_group(id, &allowed, self.stamp(principal)).await?)
    }

    /// Returns a group on which an action is allowed.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], also if the principal may not read the group; [`RuntimeError::Forbidden`].
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

fn check_name(name: &str) -> Result<(), RuntimeError> {
    let mut errors = FieldErrors::default();
    errors.check_name("/name", name);
    errors.finish()
}
