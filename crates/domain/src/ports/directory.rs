//! Everything that is administered, as one port.

use super::{ApiKeys, AuditLog, Budgets, Groups, Memberships, Policies, StoreError, Users};
use crate::SessionId;

/// People, keys, groups, rules, budgets, and the log of what was done to them.
pub trait Directory: Users + ApiKeys + Groups + Memberships + Policies + Budgets + AuditLog {}

impl<S: Users + ApiKeys + Groups + Memberships + Policies + Budgets + AuditLog> Directory for S {}

/// Why a change was refused. Nothing of it is stored then.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is no such thing, or the filter does not admit it.
    #[error("there is no such thing")]
    NotFound,
    /// Another user has the address.
    #[error("a user with this e-mail address exists")]
    EmailTaken,
    /// What the change refers to does not exist: the group of a model, the user of a key.
    #[error("there is no such user or group")]
    NoSuchReference,
    /// Nobody would be left to administer the installation.
    #[error("this is the last active admin")]
    LastAdmin,
    /// Tools or models belong to the group: without it they would be everybody's.
    #[error("tools or models belong to this group")]
    GroupInUse,
    /// The user of the key is not in the group that the key is to be bound to.
    #[error("the user is not a member of the group")]
    NotAMember,
    /// Turns of these sessions run, and must be cancelled first.
    #[error("turns of the user are running")]
    TurnsRunning(Vec<SessionId>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
