//! Port for the commands of the operator.

use std::fmt::Debug;

use crate::api_keys::ApiKey;
use crate::ports::{NewApiKey, NewUser, StoreError};
use crate::users::User;

/// Failure to create a user or an API key.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    #[error("a user with this e-mail address exists")]
    EmailTaken,
    #[error("no such user or group")]
    NotFound,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Creates users and API keys without a principal.
#[async_trait::async_trait]
pub trait Operator: Send + Sync + Debug {
    /// Creates the first user and its API key in one transaction. Returns `false` if the store has users: nothing is
    /// stored then.
    async fn bootstrap(&self, admin: NewUser, key: NewApiKey) -> Result<bool, StoreError>;

    /// Creates a user.
    ///
    /// # Errors
    /// [`OperatorError::EmailTaken`].
    async fn create_user(&self, user: NewUser) -> Result<User, OperatorError>;

    /// Returns the user with this e-mail address.
    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError>;

    /// Creates an API key.
    ///
    /// # Errors
    /// [`OperatorError::NotFound`].
    async fn create_key(&self, key: NewApiKey) -> Result<ApiKey, OperatorError>;
}
