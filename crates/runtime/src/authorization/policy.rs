//! Policy shared by all principals: the registry of subjects and the built-in rules.

use causerie_domain::principal::{Credential, UserAccess};
use causerie_permissions::{
    BuiltinRules, ContentAccess, InvalidBuiltinRules, PrincipalFacts, RawRule, Registry, RuleLayer,
    StoredRule,
};

use crate::core::error::RuntimeError;

/// Registry and built-in rules of the runtime.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(super) registry: Registry,
    pub(super) builtin_rules: BuiltinRules,
}

impl Policy {
    /// Returns the policy of Causerie.
    ///
    /// # Errors
    /// [`InvalidBuiltinRules`] if the registry lacks a name that the built-in rules contain.
    pub(crate) fn builtin(content_reading: ContentAccess) -> Result<Self, InvalidBuiltinRules> {
        let registry = Registry::builtin();
        Ok(Policy {
            builtin_rules: BuiltinRules::new(&registry)?.with_content_access(content_reading),
            registry,
        })
    }

    /// Returns the subjects, fields and actions that rules can name.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Parses a rule from the store and validates it again, because another version of the program may have saved it.
    ///
    /// # Errors
    /// [`RuntimeError::Internal`] for an invalid rule; the request is then refused.
    pub(super) fn stored(&self, text: &str) -> Result<StoredRule, RuntimeError> {
        let raw: RawRule = serde_json::from_str(text).map_err(unevaluable)?;
        self.registry.validate(raw).map_err(unevaluable)
    }

    /// Returns the rules of a user without a credential, each with its layer. `user_rules` are the last of
    /// `access.rules`: those that are stored for the user and not for a group.
    ///
    /// # Errors
    /// [`RuntimeError::Internal`] for an invalid rule.
    pub(crate) fn layered_rules(
        &self,
        access: UserAccess,
        user_rules: usize,
    ) -> Result<Vec<(RuleLayer, RawRule)>, RuntimeError> {
        let stored = access.rules.iter().map(|rule| self.stored(rule)).collect::<Result<Vec<_>, _>>()?;
        let (group_rules, user_rules) = stored.split_at(stored.len().saturating_sub(user_rules));
        let facts = PrincipalFacts::from(&access.principal(Credential::Process));
        Ok(self.builtin_rules.layered_rules(&facts, group_rules, user_rules))
    }
}

/// Returns the error for rules that cannot be evaluated. They allow nothing.
pub(super) fn unevaluable(error: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::Internal(format!("the rules cannot be evaluated: {error}"))
}
