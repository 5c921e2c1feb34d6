//! Groups of users.

use std::num::NonZeroU32;

use crate::{GroupId, Timestamp};

/// Group of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    pub name: String,
    /// Sends per minute that the group grants each of its members. `None` uses the setting of the installation.
    pub requests_per_minute: Option<NonZeroU32>,
    pub created_at: Timestamp,
}
