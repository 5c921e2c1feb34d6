//! The administered resources as one port.

use super::{
    ApiKeys, AuditEvents, Budgets, ErrorCode, Groups, Memberships, ModelSettings, Rules, StoreError, Users,
};
use crate::SessionId;

/// Users, API keys, groups, memberships, rules, model settings, budgets, and their audit events.
pub trait Directory:
    Users + ApiKeys + Groups + Memberships + Rules + ModelSettings + Budgets + AuditEvents
{
}

impl<S> Directory for S where
    S: Users + ApiKeys + Groups + Memberships + Rules + ModelSettings + Budgets + AuditEvents
{
}

/// Refusal of a change. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The object does not exist or does not match the filter.
    #[error("no such object")]
    NotFound,
    #[error("another user has this e-mail address")]
    EmailTaken,
    /// A referenced object does not exist: the group of a model, the user of an API key.
    #[error("no such user or group")]
    NoSuchReference,
    /// The change would leave the installation without an active admin.
    #[error("this is the last active admin; create another one first")]
    LastAdmin,
    /// The group owns tools or models, which would become public without it.
    #[error("tools or models belong to this group; assign them to another one first")]
    GroupInUse,
    /// The user of an API key is not in the group to which the key is to be bound.
    #[error("the user is not a member of the group")]
    NotAMember,
    /// Turns of these sessions are running and must be cancelled first.
    #[error("turns of the user are running")]
    TurnsRunning(Vec<SessionId>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ErrorCode for DirectoryError {
    fn code(&self) -> Option<&'static str> {
        match self {
            DirectoryError::EmailTaken => Some("email_taken"),
            DirectoryError::LastAdmin => Some("last_admin"),
            DirectoryError::GroupInUse => Some("group_in_use"),
            DirectoryError::NotFound
            | DirectoryError::NoSuchReference
            | DirectoryError::NotAMember
            | DirectoryError::TurnsRunning(_)
            | DirectoryError::Store(_) => None,
        }
    }
}
