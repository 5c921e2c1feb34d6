//! Port that looks up the user of a credential.

use std::fmt::Debug;

use crate::api_keys::ApiKey;
use crate::audit_events::AuditStamp;
use crate::ports::{NewUser, StoreError};
use crate::principal::UserAccess;
use crate::{ApiKeyId, Timestamp, UserId};

/// An API key, the hash of its secret, and the access of its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    pub key: ApiKey,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    pub access: UserAccess,
}

/// Current access of a user, and the API key of a request, whose stored state can have changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentAccess {
    pub access: UserAccess,
    pub key: Option<ApiKey>,
}

/// Identifier of a user at an identity provider (RFC 7519: `iss` and `sub`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalId {
    pub issuer: String,
    /// Unique for the issuer.
    pub subject: String,
}

/// Failure to link a user with an external id.
#[derive(Debug, thiserror::Error)]
pub enum ExternalIdError {
    #[error("another user has this e-mail address or external name")]
    Taken,
    #[error("no such user")]
    NotFound,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks up credentials. The caller compares secrets, expiry and status.
#[async_trait::async_trait]
pub trait Authentication: Send + Sync + Debug {
    /// Returns the API key with this public id, also if it is revoked or expired.
    async fn api_key_record(&self, public_id: &str) -> Result<Option<ApiKeyRecord>, StoreError>;

    /// Returns the access of a user and one of its API keys, also if they are disabled, revoked or expired. Returns
    /// `None` if one of them does not exist.
    async fn current_access(
        &self,
        user: UserId,
        key: Option<ApiKeyId>,
    ) -> Result<Option<CurrentAccess>, StoreError>;

    /// Returns the user with this external id, also if it is disabled.
    async fn external_user(&self, id: &ExternalId) -> Result<Option<UserAccess>, StoreError>;

    /// Creates a user with an external id, and an audit event.
    ///
    /// # Errors
    /// [`ExternalIdError::Taken`].
    async fn provision(&self, user: NewUser, id: ExternalId) -> Result<UserAccess, ExternalIdError>;

    /// Sets the external id of an existing user, and creates an audit event.
    ///
    /// # Errors
    /// [`ExternalIdError::Taken`], [`ExternalIdError::NotFound`].
    async fn link(&self, user: UserId, id: ExternalId, stamp: AuditStamp) -> Result<(), ExternalIdError>;

    /// Returns the active admin that was created first.
    async fn first_admin(&self) -> Result<Option<UserAccess>, StoreError>;

    /// Records that an API key was used.
    async fn touch_api_key(&self, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError>;
}
