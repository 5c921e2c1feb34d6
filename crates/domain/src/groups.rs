//! Groups of users.

use std::num::NonZeroU32;

use crate::{GroupId, Timestamp};

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The id.
    pub id: GroupId,
    /// What people call it.
    pub name: String,
    /// How many sends a minute it grants each of its members; without it, the installation's setting holds.
    pub requests_per_minute: Option<NonZeroU32>,
    /// When it was made.
    pub created_at: Timestamp,
}
