//! The port that finds out who asks.

use std::fmt::Debug;

use crate::audit::AuditStamp;
use crate::identity::{ApiKey, Standing};
use crate::ports::{NewUser, StoreError};
use crate::{ApiKeyId, Timestamp, UserId};

/// A key and everything that is known about its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The key.
    pub key: ApiKey,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// Its user.
    pub standing: Standing,
}

/// A name that an identity provider gives to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalId {
    /// Who gives it: the issuer of the tokens.
    pub issuer: String,
    /// The name, which this issuer gives to nobody else.
    pub subject: String,
}

/// Why a user could not be given an external name.
#[derive(Debug, thiserror::Error)]
pub enum ExternalIdError {
    /// Another user has the e-mail address, or there is another user of this external name.
    #[error("another user has this e-mail address or external name")]
    Taken,
    /// No such user.
    #[error("no such user")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks credentials up. The caller compares secrets, expiry and status.
#[async_trait::async_trait]
pub trait Identity: Send + Sync + Debug {
    /// The key with this public id, revoked and expired ones included.
    async fn key_holder(&self, public_id: &str) -> Result<Option<KeyHolder>, StoreError>;

    /// The user of this external name, a disabled one included.
    async fn external_user(&self, id: &ExternalId) -> Result<Option<Standing>, StoreError>;

    /// Makes a user who comes with an external name, and records that it did.
    ///
    /// # Errors
    /// [`ExternalIdError::Taken`].
    async fn provision(&self, user: NewUser, id: ExternalId) -> Result<Standing, ExternalIdError>;

    /// Gives an existing user an external name in place of an earlier one, and records it.
    ///
    /// # Errors
    /// [`ExternalIdError::Taken`], [`ExternalIdError::NotFound`].
    async fn link(&self, user: UserId, id: ExternalId, stamp: AuditStamp) -> Result<(), ExternalIdError>;

    /// The administrator who was made first, of those that are active.
    async fn first_administrator(&self) -> Result<Option<Standing>, StoreError>;

    /// Notes that a key was used.
    async fn touch_key(&self, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError>;
}
