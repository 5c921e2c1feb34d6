//! Port for users.

use std::fmt::Debug;

use super::{DirectoryError, StoreError};
use crate::audit_events::AuditStamp;
use crate::page::{Page, PageRequest};
use crate::principal::UserAccess;
use crate::users::{Role, User, UserStatus, UserView};
use crate::{Filter, Timestamp, UserId};

/// A user to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub created_at: Timestamp,
}

/// Changeset of a user: fields that are `Some` are updated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserChange {
    pub email: Option<String>,
    pub name: Option<String>,
    /// `Some(None)` removes the locale.
    pub locale: Option<Option<String>>,
    pub status: Option<UserStatus>,
    pub role: Option<Role>,
}

/// Stores users. Each change and its audit event are one transaction.
#[async_trait::async_trait]
pub trait Users: Send + Sync + Debug {
    /// Returns a user that matches the filter (on User).
    async fn user(&self, id: UserId, visible: &Filter) -> Result<Option<UserView>, StoreError>;

    /// Returns a user with its memberships and rules, to compare its rights with those of a principal.
    async fn user_access(&self, id: UserId) -> Result<Option<UserAccess>, StoreError>;

    /// Returns a page of users that match the filter (on User), by id.
    async fn users(
        &self,
        visible: &Filter,
        page: PageRequest<UserId>,
    ) -> Result<Page<UserView, UserId>, StoreError>;

    /// Creates a user.
    ///
    /// # Errors
    /// [`DirectoryError::EmailTaken`].
    async fn add_user(&self, new: NewUser, stamp: AuditStamp) -> Result<User, DirectoryError>;

    /// Changes a user that matches the filter.
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

    /// Deletes a user that matches the filter, with its sessions, memberships, rules and API keys. The usage rows
    /// stay, without the user.
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
