//! The ports to users and to their API keys.

use std::fmt::Debug;

use super::{DirectoryError, NewApiKey, NewUser, StoreError};
use crate::audit::AuditStamp;
use crate::identity::{ApiKey, Role, User, UserStatus, UserView};
use crate::page::{Page, PageRequest};
use crate::{ApiKeyId, Filter, UserId};

/// What to change about a user. What is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserChange {
    /// The e-mail address.
    pub email: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The language; the inner `None` takes it away.
    pub locale: Option<Option<String>>,
    /// Whether the user may sign in.
    pub status: Option<UserStatus>,
    /// What the user is to the installation.
    pub role: Option<Role>,
}

/// Keeps users, as principals administer them.
#[async_trait::async_trait]
pub trait Users: Send + Sync + Debug {
    /// The user with this id, if the filter (on User) admits it.
    async fn user(&self, id: UserId, visible: &Filter) -> Result<Option<UserView>, StoreError>;

    /// The users that the filter admits, by id.
    async fn users(
        &self,
        visible: &Filter,
        page: PageRequest<UserId>,
    ) -> Result<Page<UserView, UserId>, StoreError>;

    /// Makes a user.
    ///
    /// # Errors
    /// [`DirectoryError::EmailTaken`].
    async fn add_user(&self, new: NewUser, stamp: AuditStamp) -> Result<User, DirectoryError>;

    /// Changes a user that the filter admits.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::EmailTaken`], [`DirectoryError::LastAdmin`].
    async fn change_user(
        &self,
        id: UserId,
        allowed: &Filter,
        change: UserChange,
        stamp: AuditStamp,
    ) -> Result<UserView, DirectoryError>;

    /// Deletes a user that the filter admits, with sessions, messages, keys and memberships. The ledger keeps its
    /// rows without the user.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::LastAdmin`], [`DirectoryError::TurnsRunning`].
    async fn delete_user(
        &self,
        id: UserId,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;
}

/// Keeps API keys, as principals administer them.
#[async_trait::async_trait]
pub trait ApiKeys: Send + Sync + Debug {
    /// The key with this id, if the filter (on ApiKey) admits it.
    async fn key(&self, id: ApiKeyId, visible: &Filter) -> Result<Option<ApiKey>, StoreError>;

    /// The keys that the filter admits, by id, revoked and expired ones included.
    async fn keys(
        &self,
        visible: &Filter,
        page: PageRequest<ApiKeyId>,
    ) -> Result<Page<ApiKey, ApiKeyId>, StoreError>;

    /// Makes a key. One that is bound to a group needs its user to be a member of it.
    ///
    /// # Errors
    /// [`DirectoryError::NoSuchReference`], [`DirectoryError::NotAMember`].
    async fn add_key(&self, new: NewApiKey, stamp: AuditStamp) -> Result<ApiKey, DirectoryError>;

    /// Revokes a key that the filter admits. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    async fn revoke_key(
        &self,
        id: ApiKeyId,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError>;
}
