//! The rules that are the same for every principal: the registry of subjects, and the built-in rules.

use causerie_permissions::{BuiltinRules, ContentAccess, InvalidBuiltinRules, RawRule, Registry, StoredRule};

use crate::core::error::RuntimeError;

/// The rules that do not depend on the principal.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(super) registry: Registry,
    pub(super) builtin_rules: BuiltinRules,
}

impl Policy {
    pub(crate) fn builtin(content_reading: ContentAccess) -> Result<Self, InvalidBuiltinRules> {
        let registry = Registry::builtin();
        Ok(Policy {
            builtin_rules: BuiltinRules::new(&registry)?.with_content_access(content_reading),
            registry,
        })
    }

    /// What the rules speak of.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A rule as it comes from the store, checked as it was when it was saved: this program may know other words.
    pub(super) fn stored(&self, text: &str) -> Result<StoredRule, RuntimeError> {
        let raw: RawRule = serde_json::from_str(text).map_err(unevaluable)?;
        self.registry.validate(raw).map_err(unevaluable)
    }
}

/// Rules that cannot be evaluated never allow.
pub(super) fn unevaluable(error: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::Internal(format!("the rules cannot be evaluated: {error}"))
}
