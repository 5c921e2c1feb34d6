//! Stored rules of groups and users.

use causerie_domain::Filter;
use causerie_domain::ports::RuleOwner;
use causerie_domain::principal::Principal;
use causerie_permissions::RawRule;

use super::validation::FieldErrors;
use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Maximum number of rules of a group or a user that a request may store. All of them are compiled for each request.
const MAX_RULES: usize = 200;

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
    /// filter, none is stored. The new rules allow no more than the principal may do through its credential.
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
        if rules.len() > MAX_RULES {
            errors.add("/rules", format!("has more than {MAX_RULES} rules"));
        }
        let mut new = Vec::with_capacity(rules.len().min(MAX_RULES));
        for (index, rule) in rules.iter().enumerate().take(MAX_RULES) {
            match self.inner.policy.registry().validate(rule.clone()) {
                Err(error) => errors.add(format!("/rules/{index}"), error.to_string()),
                Ok(rule) => new.push(rule),
            }
        }
        errors.finish()?;
        access.require_rules(&self.directory()?.stored_rules(owner).await?, &new)?;
        let texts = new.iter().map(|rule| serde_json::to_string(rule.raw()));
        let texts =
            texts.collect::<Result<_, _>>().map_err(|error| RuntimeError::Internal(error.to_string()))?;
        self.directory()?.replace_rules(owner, &allowed, texts, self.stamp(principal)).await?;
        Ok(rules)
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
