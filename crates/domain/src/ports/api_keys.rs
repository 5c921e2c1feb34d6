//! Port for API keys.

use std::fmt::Debug;

use super::{DirectoryError, StoreError};
use crate::api_keys::ApiKey;
use crate::audit_events::AuditStamp;
use crate::page::{Page, PageRequest};
use crate::{ApiKeyId, Filter, GroupId, Timestamp, UserId};

/// An API key to create. The secret itself is never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    pub id: ApiKeyId,
    /// Public part: 12 base62 characters.
    pub public_id: String,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    pub user_id: UserId,
    /// Group to which usage through this key is accounted.
    pub group_id: Option<GroupId>,
    pub name: String,
    /// Upper bound of the rights of the key; empty means all rights of the user.
    pub scopes: Vec<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

/// Stores API keys. Each change and its audit event are one transaction.
#[async_trait::async_trait]
pub trait ApiKeys: Send + Sync + Debug {
    /// Returns an API key that matches the filter (on ApiKey).
    async fn api_key(&self, id: ApiKeyId, visible: &Filter) -> Result<Option<ApiKey>, StoreError>;

    /// Returns a page of API keys that match the filter, by id. Revoked and expired keys are included.
    async fn api_keys(
        &self,
        visible: &Filter,
        page: PageRequest<ApiKeyId>,
    ) -> Result<Page<ApiKey, ApiKeyId>, StoreError>;

    /// Creates an API key. The user of a key that is bound to a group must be a member of the group.
    ///
    /// # Errors
    /// [`DirectoryError::NoSuchReference`], [`DirectoryError::NotAMember`].
    async fn add_api_key(&self, new: NewApiKey, stamp: AuditStamp) -> Result<ApiKey, DirectoryError>;

    /// Revokes an API key that matches the filter. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    async fn revoke_api_key(
        &self,
        id: ApiKeyId,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;
}
