//! Grants: what a principal may give away. A grant never exceeds what the principal may do through its credential.

use causerie_domain::memberships::GroupRole;
use causerie_domain::models::Model;
use causerie_domain::ports::{ModelChange, RuleOwner};
use causerie_domain::principal::{Credential, UserAccess};
use causerie_domain::{GroupId, UserId};
use causerie_permissions::{ExceedingGrant, Grantor, PrincipalFacts, RawRule, Scopes, StoredRule};
use serde_json::json;

use super::access::Access;
use super::policy::unevaluable;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

impl Access {
    /// Checks the replacement of stored rules. `old` contains the rules as they are stored. Rules of `old` that cannot be
    /// evaluated allow nothing, so only an admin whose credential has no scopes removes them.
    ///
    /// # Errors
    /// [`RuntimeError::BeyondOwnRights`] with the position of the rule that exceeds the rights of the principal.
    pub(crate) fn require_rules(&self, old: &[String], new: &[StoredRule]) -> Result<(), RuntimeError> {
        let grantor = self.grantor()?;
        let parsed: Vec<_> = old.iter().filter_map(|rule| self.policy.stored(rule).ok()).collect();
        if parsed.len() < old.len() {
            require_admin(&grantor, None, "rules that cannot be evaluated")?;
        }
        grantor.check_rules(&parsed, new).map_err(|exceeding| {
            let pointer = match exceeding {
                ExceedingGrant::Rule { index } => format!("/rules/{index}"),
                _ => "/rules".to_owned(),
            };
            beyond(Some(pointer), exceeding.to_string())
        })
    }

    /// Checks that the removal of the rules of a group gives nothing away, for the deletion of the group or of a
    /// membership.
    ///
    /// # Errors
    /// [`RuntimeError::BeyondOwnRights`].
    pub(crate) fn require_no_rules(&self, old: &[String]) -> Result<(), RuntimeError> {
        self.require_rules(old, &[]).map_err(|error| match error {
            RuntimeError::BeyondOwnRights { detail, .. } => beyond(None, detail),
            error => error,
        })
    }

    /// Checks a membership of another user, or a higher role in a group.
    ///
    /// # Errors
    /// [`RuntimeError::BeyondOwnRights`].
    pub(crate) fn require_membership(
        &self,
        group: GroupId,
        role: GroupRole,
        group_rules: &[String],
    ) -> Result<(), RuntimeError> {
        let grantor = self.grantor()?;
        let rules = group_rules.iter().map(|rule| self.policy.stored(rule)).collect::<Result<Vec<_>, _>>();
        let Ok(rules) = rules else {
            return require_admin(&grantor, None, "membership of a group whose rules cannot be evaluated");
        };
        grantor.check_membership(group, role, &rules).map_err(|exceeding| beyond(None, exceeding.to_string()))
    }

    /// Checks a new API key of a user, who can be the principal.
    ///
    /// # Errors
    /// [`RuntimeError::BeyondOwnRights`] with the position of the scope that exceeds the rights of the principal.
    pub(crate) fn require_key(&self, owner: Option<UserAccess>, scopes: &Scopes) -> Result<(), RuntimeError> {
        let (facts, stored) = match owner {
            Some(owner) => {
                let Ok(stored) = owner.rules.iter().map(|rule| self.policy.stored(rule)).collect() else {
                    return require_admin(&self.grantor()?, Some("/user_id"), "key of another user");
                };
                (PrincipalFacts::from(&owner.principal(Credential::Process)), stored)
            }
            None => (self.facts.clone(), self.stored.clone()),
        };
        let checked = self.grantor()?.check_key(&facts, &stored, scopes);
        checked.map_err(|exceeding| {
            let pointer = match &exceeding {
                ExceedingGrant::Scope { scope } => {
                    let index = scopes.iter().position(|own| own.to_string() == *scope);
                    index.map_or_else(|| "/scopes".to_owned(), |index| format!("/scopes/{index}"))
                }
                ExceedingGrant::KeyOwner => "/user_id".to_owned(),
                _ => "/scopes".to_owned(),
            };
            beyond(Some(pointer), exceeding.to_string())
        })
    }

    /// Checks that a disabled user may be made active again: its rights lie within those of the principal.
    ///
    /// # Errors
    /// [`RuntimeError::BeyondOwnRights`].
    pub(crate) fn require_activation(&self, user: UserAccess) -> Result<(), RuntimeError> {
        self.require_key(Some(user), &Scopes::default()).map_err(|error| match error {
            RuntimeError::BeyondOwnRights { .. } => {
                beyond(Some("/status".to_owned()), "the user has more rights than the grantor")
            }
            error => error,
        })
    }

    /// Checks a change of a model. A change after which other users can use the model requires the rights to read and
    /// to use it.
    ///
    /// # Errors
    /// [`RuntimeError::BeyondOwnRights`].
    pub(crate) fn require_model_change(
        &self,
        model: &Model,
        change: &ModelChange,
    ) -> Result<(), RuntimeError> {
        let is_given = (change.enabled == Some(true) && !model.enabled)
            || (change.restricted == Some(false) && model.restricted)
            || change.group_id.is_some_and(|group| group != model.group_id);
        if !is_given {
            return Ok(());
        }
        let rule = json!({
            "action": ["read", "use"], "subject": "Model", "conditions": { "id": model.catalog.id },
        });
        let rule: RawRule = serde_json::from_value(rule).map_err(unevaluable)?;
        let rule = self.policy.registry.validate(rule).map_err(unevaluable)?;
        if self.grantor()?.covers(&rule) {
            return Ok(());
        }
        Err(beyond(None, "the change lets others use a model that the grantor may not use"))
    }

    /// Requires an admin whose credential has no scopes: for roles, e-mail addresses, and for limits and budgets that
    /// bind the principal. An empty pointer means the request as a whole.
    ///
    /// # Errors
    /// [`RuntimeError::BeyondOwnRights`].
    pub(crate) fn require_unscoped_admin(&self, pointer: &str, what: &str) -> Result<(), RuntimeError> {
        require_admin(&self.grantor()?, Some(pointer).filter(|pointer| !pointer.is_empty()), what)
    }

    pub(crate) fn user_id(&self) -> UserId {
        self.actor.0
    }

    /// Returns whether the principal is a member of a group, whose limits then bind it.
    pub(crate) fn is_member(&self, group: GroupId) -> bool {
        self.groups.contains(&group)
    }

    fn grantor(&self) -> Result<Grantor<'_>, RuntimeError> {
        let Access { policy, facts, stored, scopes, .. } = self;
        policy.builtin_rules.grantor(&policy.registry, facts, stored, scopes).map_err(unevaluable)
    }
}

impl Runtime {
    /// Returns the rules of a group, as they are stored.
    pub(crate) async fn group_rules(&self, group: GroupId) -> Result<Vec<String>, RuntimeError> {
        Ok(self.directory()?.stored_rules(RuleOwner::Group(group)).await?)
    }
}

fn require_admin(grantor: &Grantor<'_>, pointer: Option<&str>, what: &str) -> Result<(), RuntimeError> {
    if grantor.is_unscoped_admin() {
        return Ok(());
    }
    let detail = format!("only an admin whose credential has no scopes may change this: {what}");
    Err(beyond(pointer.map(str::to_owned), detail))
}

fn beyond(pointer: Option<String>, detail: impl Into<String>) -> RuntimeError {
    RuntimeError::BeyondOwnRights { pointer, detail: detail.into() }
}
