//! API keys. A key cannot be changed, only created and revoked.

use causerie_domain::api_keys::ApiKey;
use causerie_domain::budgets::BudgetSubject;
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{DirectoryError, NewApiKey};
use causerie_domain::principal::Principal;
use causerie_domain::{ApiKeyId, GroupId, Timestamp, UserId};
use causerie_permissions::{Scopes, SubjectType};

use super::validation::FieldErrors;
use crate::authorization::Action;
use crate::authorization::subjects;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// API key to create. The caller creates the secret; the runtime receives only its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateApiKey {
    /// Public part: 12 base62 characters.
    pub public_id: String,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// User of the key; `None` means the principal.
    pub user_id: Option<UserId>,
    /// Group that is charged for the key; `None` means the group of the principal's own key.
    pub group_id: Option<GroupId>,
    pub name: String,
    /// Limits of the rights of the key. An empty list means all rights of the user.
    pub scopes: Vec<String>,
    /// Expiry; `None` means the expiry of the principal's own key.
    pub expires_at: Option<Timestamp>,
}

/// Maximum number of scopes of a new API key. All of them are compiled for each request.
pub const MAX_SCOPES: usize = 100;

impl Runtime {
    /// Returns a page of the API keys that the principal may read, by id, including revoked and expired keys.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`].
    pub async fn api_keys(
        &self,
        principal: &Principal,
        page: PageRequest<ApiKeyId>,
    ) -> Result<Page<ApiKey, ApiKeyId>, RuntimeError> {
        let visible = self.access(principal)?.keys(Action::Read)?;
        Ok(self.directory()?.api_keys(&visible, page).await?)
    }

    /// Returns an API key.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn api_key(&self, principal: &Principal, id: ApiKeyId) -> Result<ApiKey, RuntimeError> {
        let access = self.access(principal)?;
        let lookup_filter = access.lookup_filter(Action::Read, SubjectType::ApiKey)?;
        let key = self.directory()?.api_key(id, &lookup_filter).await?.ok_or(RuntimeError::NotFound)?;
        access.require(Action::Read, &subjects::api_key(&key))?;
        Ok(key)
    }

    /// Creates an API key. The new key allows no more than the principal may do through its credential: it has no more scopes than the key of the request, the same group if that key
    /// is bound to one, and no later expiry. A key that is created with a token of the identity provider may expire
    /// after the token.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`], [`RuntimeError::Invalid`], [`RuntimeError::BeyondOwnRights`].
    pub async fn create_api_key(
        &self,
        principal: &Principal,
        new: CreateApiKey,
    ) -> Result<ApiKey, RuntimeError> {
        let access = self.access(principal)?;
        access.keys(Action::Create)?;
        let stamp = self.stamp(principal);
        let mut errors = FieldErrors::default();
        errors.check_name("/name", &new.name);
        errors.check_expiry("/expires_at", new.expires_at, stamp.at);
        let registry = self.inner.policy.registry();
        if new.scopes.len() > MAX_SCOPES {
            errors.add("/scopes", format!("has more than {MAX_SCOPES} scopes"));
        }
        for (index, scope) in new.scopes.iter().enumerate().take(MAX_SCOPES) {
            if let Err(error) = Scopes::parse([scope], registry) {
                errors.add(format!("/scopes/{index}"), error.to_string());
            }
        }
        errors.finish()?;
        let group_id = new.group_id.or(principal.key_group_id());
        if principal.key_group_id().is_some_and(|bound| group_id != Some(bound)) {
            let reason = Some("key_is_bound_to_another_group".to_owned());
            return Err(RuntimeError::Forbidden { reason });
        }
        let own_expiry = principal.key_expires_at();
        let expires_at = new.expires_at.or(own_expiry);
        if own_expiry.is_some() && expires_at > own_expiry {
            return Err(RuntimeError::Forbidden { reason: Some("expires_after_own_key".to_owned()) });
        }
        let new = NewApiKey {
            id: ApiKeyId::next(self.inner.ids.as_ref()),
            public_id: new.public_id,
            secret_hash: new.secret_hash,
            user_id: new.user_id.unwrap_or(principal.user.id),
            group_id,
            name: new.name,
            scopes: new.scopes,
            created_at: stamp.at,
            expires_at,
        };
        access.require(Action::Create, &subjects::new_api_key(&new))?;
        let scopes = Scopes::parse(&new.scopes, registry);
        let scopes = scopes.map_err(|error| RuntimeError::Internal(error.to_string()))?;
        let owner = if new.user_id == principal.user.id {
            None
        } else {
            let owner = self.directory()?.user_access(new.user_id).await?;
            Some(owner.ok_or_else(|| RuntimeError::invalid("/user_id", "there is no such user"))?)
        };
        access.require_key(owner, &scopes)?;
        if let Some(own) = principal.api_key_id() {
            // Sends of the new key would not count against the budget of this one.
            self.require_budget_removal(&access, BudgetSubject::ApiKey(own)).await?;
        }
        match self.directory()?.add_api_key(new, stamp).await {
            Err(DirectoryError::NoSuchReference) => {
                Err(RuntimeError::invalid("/user_id", "there is no such user"))
            }
            added => Ok(added?),
        }
    }

    /// Revokes an API key. Revoking a revoked key has no effect.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn revoke_api_key(&self, principal: &Principal, id: ApiKeyId) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        let lookup_filter = access.lookup_filter(Action::Delete, SubjectType::ApiKey)?;
        let key = self.directory()?.api_key(id, &lookup_filter).await?.ok_or(RuntimeError::NotFound)?;
        access.require(Action::Delete, &subjects::api_key(&key))?;
        let allowed = access.keys(Action::Delete)?;
        match self.directory()?.revoke_api_key(id, &allowed, self.stamp(principal)).await {
            // A rule can restrict the right to keys that are not revoked. A repeated revocation succeeds
            // nevertheless.
            Err(DirectoryError::NotFound) => match self.directory()?.api_key(id, &lookup_filter).await? {
                Some(key) if key.revoked_at.is_some() => Ok(()),
                _ => Err(RuntimeError::NotFound),
            },
            revoked => Ok(revoked?),
        }
    }
}
