//! The port that makes users and keys.

use std::fmt::Debug;

use crate::identity::{ApiKey, Role, User};
use crate::ports::StoreError;
use crate::{ApiKeyId, GroupId, Timestamp, UserId};

/// A user to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The id.
    pub id: UserId,
    /// The e-mail address, unique without regard to ASCII case.
    pub email: String,
    /// The name shown to others.
    pub name: String,
    /// What the user is to the installation.
    pub role: Role,
    /// When it is made.
    pub created_at: Timestamp,
}

/// A key to make. The secret itself is never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// The id.
    pub id: ApiKeyId,
    /// The public part: 12 base62 characters.
    pub public_id: String,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// Whose key it is.
    pub user_id: UserId,
    /// The group whose account it uses.
    pub group_id: Option<GroupId>,
    /// What its owner calls it.
    pub name: String,
    /// What it may do at most; empty means all that the user may do.
    pub scopes: Vec<String>,
    /// When it is made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// Why a user or a key could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// Another user has the address.
    #[error("a user with this e-mail address exists")]
    EmailTaken,
    /// No such user or group.
    #[error("no such user or group")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes users and keys.
#[async_trait::async_trait]
pub trait Administration: Send + Sync + Debug {
    /// On a store without any user: makes this user and this key, in one transaction. Says whether it did.
    async fn found(&self, admin: NewUser, key: NewApiKey) -> Result<bool, StoreError>;

    /// Makes a user.
    ///
    /// # Errors
    /// [`AdministrationError::EmailTaken`].
    async fn create_user(&self, user: NewUser) -> Result<User, AdministrationError>;

    /// The user with this address.
    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError>;

    /// Makes a key.
    ///
    /// # Errors
    /// [`AdministrationError::NotFound`].
    async fn create_key(&self, key: NewApiKey) -> Result<ApiKey, AdministrationError>;
}
