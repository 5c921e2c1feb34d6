//! Stored rules of groups and users.

use causerie_domain::ports::{RuleOwner, RulesChange, StoreError};
use causerie_domain::principal::Principal;
use causerie_domain::{Filter, UserId};
use causerie_permissions::{RawRule, RuleLayer};

use super::rule_limits::check_sizes;
use super::validation::FieldErrors;
use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Maximum number of tries to replace rules that others replace at the same time.
const MAX_TRIES: usize = 8;

impl Runtime {
    /// Returns the stored rules of a group or a user, as they were written.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn stored_rules(
        &self,
        principal: &Principal,
        owner: RuleOwner,
    ) -> Result<Vec<RawRule>, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_owner(&access, owner).await?;
        let stored = self.directory()?.stored_rules(owner).await?;
        let parse = |rule: &String| {
            serde_json::from_str(rule).map_err(|error| RuntimeError::Internal(error.to_string()))
        };
        stored.iter().map(parse).collect()
    }

    /// Replaces all rules of a group or a user. If one of the rules cannot be evaluated, packed or compiled to a
    /// filter, none is stored. The new rules allow no more than the principal may do through its credential, beyond the
    /// unchanged ones: if others replace the rules in the meantime, this is decided again.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`], [`RuntimeError::Invalid`],
    /// [`RuntimeError::BeyondOwnRights`].
    pub async fn replace_rules(
        &self,
        principal: &Principal,
        owner: RuleOwner,
        rules: Vec<RawRule>,
    ) -> Result<Vec<RawRule>, RuntimeError> {
        let access = self.access(principal)?;
        let allowed = self.permitted_owner(&access, owner).await?;
        let mut errors = FieldErrors::default();
        let texts = check_sizes(&rules, &mut errors)?;
        errors.finish()?;
        let mut errors = FieldErrors::default();
        let mut new = Vec::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            match self.inner.policy.registry().validate(rule.clone()) {
                Err(error) => errors.add(format!("/rules/{index}"), error.to_string()),
                Ok(rule) => new.push(rule),
            }
        }
        errors.finish()?;
        for _ in 0..MAX_TRIES {
            let expected = self.directory()?.stored_rules(owner).await?;
            access.require_rules(&expected, &new)?;
            let change = RulesChange { expected, rules: texts.clone() };
            if self.directory()?.replace_rules(owner, &allowed, change, self.stamp(principal)).await? {
                return Ok(rules);
            }
        }
        Err(RuntimeError::Store(StoreError::rolled_back("others replace the same rules all the time")))
    }

    /// Returns all rules that apply to a user, in the order of evaluation, each with its layer: the last rule that
    /// matches decides. Scopes of an API key restrict them further.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn user_abilities(
        &self,
        principal: &Principal,
        id: UserId,
    ) -> Result<Vec<(RuleLayer, RawRule)>, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_user(&access, id, Action::Manage).await?;
        let own = self.directory()?.stored_rules(RuleOwner::User(id)).await?;
        let user = self.directory()?.user_access(id).await?.ok_or(RuntimeError::NotFound)?;
        if !user.rules.ends_with(&own) {
            let changing = StoreError::Unavailable("the rules of the user changed between two reads".into());
            return Err(RuntimeError::Store(changing));
        }
        self.inner.policy.layered_rules(user, own.len())
    }

    /// Checks that the principal may manage the rules of an owner. Returns the filter of owners with that right.
    async fn permitted_owner(&self, access: &Access, owner: RuleOwner) -> Result<Filter, RuntimeError> {
        match owner {
            RuleOwner::Group(id) => {
                self.permitted_group(access, id, Action::Manage).await?;
                access.groups(Action::Manage)
            }
            RuleOwner::User(id) => {
                self.permitted_user(access, id, Action::Manage).await?;
                access.users(Action::Manage)
            }
        }
    }
}
