//! Budgets of users, groups and API keys.

use causerie_domain::Filter;
use causerie_domain::Usd;
use causerie_domain::budgets::{Budget, BudgetPeriod, BudgetState, BudgetSubject, MAX_LIMIT};
use causerie_domain::principal::Principal;
use causerie_permissions::SubjectType;

use crate::authorization::subjects;
use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

impl Runtime {
    /// Returns the states of the budgets that limit the principal's sends: of the user, of its groups, and of its API
    /// key. A runtime without a directory has no budgets.
    ///
    /// # Errors
    /// [`RuntimeError::Store`].
    pub async fn own_budgets(&self, principal: &Principal) -> Result<Vec<BudgetState>, RuntimeError> {
        let Some(directory) = &self.inner.directory else { return Ok(Vec::new()) };
        let key_group_id = principal.key_group_id();
        let mut subjects = vec![BudgetSubject::User(principal.user.id)];
        let groups = principal.memberships.iter().map(|membership| membership.group_id);
        let usable = groups.filter(|group| key_group_id.is_none_or(|bound| bound == *group));
        subjects.extend(usable.map(BudgetSubject::Group));
        subjects.extend(principal.api_key_id().map(BudgetSubject::ApiKey));
        Ok(directory.budgets(&subjects, self.inner.clock.now()).await?)
    }

    /// Returns the state of the budget of a subject.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], also if the subject has no budget; [`RuntimeError::Forbidden`].
    pub async fn budget(
        &self,
        principal: &Principal,
        subject: BudgetSubject,
    ) -> Result<BudgetState, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_subject(&access, subject).await?;
        let states = self.directory()?.budgets(&[subject], self.inner.clock.now()).await?;
        states.into_iter().next().ok_or(RuntimeError::NotFound)
    }

    /// Sets or replaces the budget of a subject. The cost that was spent in the current window counts. A budget that
    /// binds the principal is raised or deleted only by an admin whose credential has no scopes.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`], [`RuntimeError::Invalid`].
    pub async fn set_budget(
        &self,
        principal: &Principal,
        budget: Budget,
    ) -> Result<BudgetState, RuntimeError> {
        let access = self.access(principal)?;
        let allowed = self.permitted_subject(&access, budget.subject).await?;
        if !(Usd::ZERO..=MAX_LIMIT).contains(&budget.limit) {
            return Err(RuntimeError::invalid(
                "/limit",
                format!("is not between 0 and {MAX_LIMIT} US dollars"),
            ));
        }
        if let Some(old) = self.binding_budget(&access, budget.subject).await? {
            let is_period_kept = budget.period == old.period || budget.period == BudgetPeriod::Month;
            if budget.limit > old.limit || !is_period_kept {
                access.require_unscoped_admin("/limit", "a budget that binds the caller")?;
            }
        }
        Ok(self.directory()?.set_budget(budget, &allowed, self.stamp(principal)).await?)
    }

    /// Deletes the budget of a subject.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], also if the subject has no budget; [`RuntimeError::Forbidden`].
    pub async fn delete_budget(
        &self,
        principal: &Principal,
        subject: BudgetSubject,
    ) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        let allowed = self.permitted_subject(&access, subject).await?;
        self.require_budget_removal(&access, subject).await?;
        Ok(self.directory()?.delete_budget(subject, &allowed, self.stamp(principal)).await?)
    }

    /// Requires that the principal may remove the budget of a subject, if there is one that binds the principal.
    ///
    /// # Errors
    /// [`RuntimeError::BeyondOwnRights`].
    pub(super) async fn require_budget_removal(
        &self,
        access: &Access,
        subject: BudgetSubject,
    ) -> Result<(), RuntimeError> {
        match self.binding_budget(access, subject).await? {
            Some(_) => access.require_unscoped_admin("", "a budget that binds the caller"),
            None => Ok(()),
        }
    }

    /// Returns the budget of a subject if it binds the principal: its own, that of one of its groups, or that of one
    /// of its API keys.
    async fn binding_budget(
        &self,
        access: &Access,
        subject: BudgetSubject,
    ) -> Result<Option<Budget>, RuntimeError> {
        let directory = self.directory()?;
        let is_binding = match subject {
            BudgetSubject::User(id) => id == access.user_id(),
            BudgetSubject::Group(id) => access.is_member(id),
            BudgetSubject::ApiKey(id) => {
                let key = directory.api_key(id, &Filter::Everything).await?;
                key.is_some_and(|key| key.user_id == access.user_id())
            }
        };
        if !is_binding {
            return Ok(None);
        }
        let states = directory.budgets(&[subject], self.inner.clock.now()).await?;
        Ok(states.first().map(|state| state.budget))
    }

    /// Checks that the principal may manage the budget of a subject. Returns the filter of subjects with that right.
    async fn permitted_subject(
        &self,
        access: &Access,
        subject: BudgetSubject,
    ) -> Result<Filter, RuntimeError> {
        match subject {
            BudgetSubject::User(id) => {
                self.permitted_user(access, id, Action::Manage).await?;
                access.users(Action::Manage)
            }
            BudgetSubject::Group(id) => {
                self.permitted_group(access, id, Action::Manage).await?;
                access.groups(Action::Manage)
            }
            BudgetSubject::ApiKey(id) => {
                let lookup_filter = access.lookup_filter(Action::Manage, SubjectType::ApiKey)?;
                let key =
                    self.directory()?.api_key(id, &lookup_filter).await?.ok_or(RuntimeError::NotFound)?;
                access.require(Action::Manage, &subjects::api_key(&key))?;
                access.keys(Action::Manage)
            }
        }
    }
}
