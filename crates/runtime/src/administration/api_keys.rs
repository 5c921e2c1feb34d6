//! API keys. They are replaced, never changed.

use causerie_domain::api_keys::ApiKey;
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

/// A key to make. Its secret is made and shown by who asks for it, and only its hash comes here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateKey {
    /// The public part: 12 base62 characters.
    pub public_id: String,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// Whose key it is; the principal's own if nothing is said.
    pub user_id: Option<UserId>,
    /// The group whose account it uses; that of the principal's own key if nothing is said.
    pub group_id: Option<GroupId>,
    /// What its owner calls it.
    pub name: String,
    /// What it may do at most; empty means all that the user may do.
    pub scopes: Vec<String>,
    /// When it stops working; when the principal's own key does if nothing is said.
    pub expires_at: Option<Timestamp>,
}

impl Runtime {
    /// The keys that the principal may read, by id, those that are no longer in force included.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`].
    pub async fn keys(
        &self,
        principal: &Principal,
        page: PageRequest<ApiKeyId>,
    ) -> Result<Page<ApiKey, ApiKeyId>, RuntimeError> {
        let visible = self.access(principal)?.keys(Action::Read)?;
        Ok(self.directory()?.api_keys(&visible, page).await?)
    }

    /// A key.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn key(&self, principal: &Principal, id: ApiKeyId) -> Result<ApiKey, RuntimeError> {
        let access = self.access(principal)?;
        let lookup_filter = access.lookup_filter(Action::Read, SubjectType::ApiKey)?;
        let key = self.directory()?.api_key(id, &lookup_filter).await?.ok_or(RuntimeError::NotFound)?;
        access.require(Action::Read, &subjects::api_key(&key))?;
        Ok(key)
    }

    /// Makes a key. It never opens more than the key it is made with: not in its scopes, not in its group, and not
    /// for longer. One that is made with a token of the identity provider may outlive that.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`], [`RuntimeError::Invalid`].
    pub async fn create_key(&self, principal: &Principal, new: CreateKey) -> Result<ApiKey, RuntimeError> {
        let access = self.access(principal)?;
        access.keys(Action::Create)?;
        let stamp = self.stamp(principal);
        let mut mistakes = FieldErrors::default();
        mistakes.check_name("/name", &new.name);
        mistakes.check_end("/expires_at", new.expires_at, stamp.at);
        let registry = self.inner.policy.registry();
        for (place, scope) in new.scopes.iter().enumerate() {
            if let Err(unknown) = Scopes::parse([scope], registry) {
                mistakes.add(format!("/scopes/{place}"), unknown.to_string());
            }
        }
        mistakes.finish()?;
        let group_id = new.group_id.or(principal.key_group_id());
        if principal.key_group_id().is_some_and(|bound| group_id != Some(bound)) {
            let reason = Some("key_is_bound_to_another_group".to_owned());
            return Err(RuntimeError::Forbidden { reason });
        }
        let own_end = principal.key_expires_at();
        let expires_at = new.expires_at.or(own_end);
        if own_end.is_some() && expires_at > own_end {
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
        access.require_scopes(&scopes.map_err(|unknown| RuntimeError::Internal(unknown.to_string()))?)?;
        match self.directory()?.add_api_key(new, stamp).await {
            Err(DirectoryError::NoSuchReference) => {
                Err(RuntimeError::invalid("/user_id", "there is no such user"))
            }
            made => Ok(made?),
        }
    }

    /// Revokes a key. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn revoke_key(&self, principal: &Principal, id: ApiKeyId) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        let lookup_filter = access.lookup_filter(Action::Delete, SubjectType::ApiKey)?;
        let key = self.directory()?.api_key(id, &lookup_filter).await?.ok_or(RuntimeError::NotFound)?;
        access.require(Action::Delete, &subjects::api_key(&key))?;
        let allowed = access.keys(Action::Delete)?;
        match self.directory()?.revoke_api_key(id, &allowed, self.stamp(principal)).await {
            // A rule can allow to revoke only what is not revoked: who repeats it finds it done.
            Err(DirectoryError::NotFound) => match self.directory()?.api_key(id, &lookup_filter).await? {
                Some(key) if key.revoked_at.is_some() => Ok(()),
                _ => Err(RuntimeError::NotFound),
            },
            revoked => Ok(revoked?),
        }
    }
}
