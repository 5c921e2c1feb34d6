//! Settings of models that administrators change: enabled, restricted and group.

use causerie_domain::Filter;
use causerie_domain::filter::Scalar;
use causerie_domain::models::Model;
use causerie_domain::ports::{DirectoryError, ModelChange};
use causerie_domain::principal::Principal;
use causerie_domain::subjects::ModelField;
use causerie_permissions::SubjectType;

use crate::authorization::Action;
use crate::authorization::subjects;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

impl Runtime {
    /// Changes the settings of a model. This instance applies them at once, other instances within a minute.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`], [`RuntimeError::Invalid`],
    /// [`RuntimeError::BeyondOwnRights`] if others could use a model that the principal may not use.
    pub async fn change_model(
        &self,
        principal: &Principal,
        id: &str,
        change: ModelChange,
    ) -> Result<Model, RuntimeError> {
        let access = self.access(principal)?;
        let lookup_filter = access.lookup_filter(Action::Update, SubjectType::Model)?;
        let has_id = Filter::equals(ModelField::Id, Scalar::Text(id.to_owned()));
        let found = self.inner.models.models(&Filter::all([has_id, lookup_filter])).await?.pop();
        let model = found.ok_or(RuntimeError::NotFound)?;
        let subject = subjects::model(&model);
        access.require(Action::Update, &subject)?;
        let fields = [
            ("enabled", change.enabled.is_some()),
            ("restricted", change.restricted.is_some()),
            ("group_id", change.group_id.is_some()),
        ];
        for (field, _) in fields.into_iter().filter(|(_, is_changed)| *is_changed) {
            access.require_field(Action::Update, &subject, Some(field))?;
        }
        access.require_model_change(&model, &change)?;
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
}
