//! Stored rules, and who may use which model.

use causerie_domain::Filter;
use causerie_domain::filter::Scalar;
use causerie_domain::models::Model;
use causerie_domain::ports::{DirectoryError, ModelChange, RuleOwner};
use causerie_domain::principal::Principal;
use causerie_permissions::{RawRule, SubjectType};

use super::validation::FieldErrors;
use crate::authorization::subjects;
use crate::authorization::{Access, Action};
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// How many rules a group or a user can have: all of them are compiled for every request.
const MAX_RULES: usize = 100;

impl Runtime {
    /// The rules stored for a group or a user, as they were written.
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
        let read = |rule: &String| {
            serde_json::from_str(rule).map_err(|error| RuntimeError::Internal(error.to_string()))
        };
        stored.iter().map(read).collect()
    }

    /// Replaces all rules of a group or a user. A rule that could not be evaluated, packed and turned into a filter
    /// is refused, and with it all.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`], [`RuntimeError::Invalid`].
    pub async fn replace_rules(
        &self,
        principal: &Principal,
        owner: RuleOwner,
        rules: Vec<RawRule>,
    ) -> Result<Vec<RawRule>, RuntimeError> {
        let access = self.access(principal)?;
        let allowed = self.permitted_owner(&access, owner).await?;
        let mut mistakes = FieldErrors::default();
        if rules.len() > MAX_RULES {
            mistakes.add("/rules", format!("has more than {MAX_RULES} rules"));
        }
        let mut texts = Vec::with_capacity(rules.len());
        for (place, rule) in rules.iter().enumerate().take(MAX_RULES) {
            match self.inner.policy.registry().validate(rule.clone()) {
                Err(refusal) => mistakes.add(format!("/rules/{place}"), refusal.to_string()),
                Ok(accepted) => texts.push(
                    serde_json::to_string(accepted.raw())
                        .map_err(|error| RuntimeError::Internal(error.to_string()))?,
                ),
            }
        }
        mistakes.finish()?;
        self.directory()?.replace_rules(owner, &allowed, texts, self.stamp(principal)).await?;
        Ok(rules)
    }

    /// Changes what administrators say of a model. This instance knows it at once, others within a minute.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`], [`RuntimeError::Invalid`].
    pub async fn change_model(
        &self,
        principal: &Principal,
        id: &str,
        change: ModelChange,
    ) -> Result<Model, RuntimeError> {
        let access = self.access(principal)?;
        let lookup_filter = access.lookup_filter(Action::Update, SubjectType::Model)?;
        let this = Filter::equals("id", Scalar::Text(id.to_owned()));
        let found = self.inner.models.models(&Filter::all([this, lookup_filter])).await?.pop();
        let subject = subjects::model(&found.ok_or(RuntimeError::NotFound)?);
        access.require(Action::Update, &subject)?;
        let given = [
            ("enabled", change.enabled.is_some()),
            ("restricted", change.restricted.is_some()),
            ("group_id", change.group_id.is_some()),
        ];
        for (field, _) in given.into_iter().filter(|(_, given)| *given) {
            access.require_field(Action::Update, &subject, Some(field))?;
        }
        let allowed = access.models(Action::Update)?;
        let model = match self.directory()?.change_model(id, &allowed, change, self.stamp(principal)).await {
            Err(DirectoryError::NoSuchReference) => {
                return Err(RuntimeError::invalid("/group_id", "there is no such group"));
            }
            changed => changed?,
        };
        self.inner.reload_catalog().await?;
        Ok(model)
    }

    /// The filter within which the rules of an owner may be managed, if this owner is in it.
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
