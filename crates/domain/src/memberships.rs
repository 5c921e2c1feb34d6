//! Memberships of users in groups, and invitations to groups.

use std::num::NonZeroU32;

use crate::string_enum::string_enum;
use crate::users::UserView;
use crate::{GroupId, Timestamp};

string_enum! {
    /// What a user is to a group.
    GroupRole, "group role", {
        /// Uses what the group has.
        Member = "member",
        /// Also administers it.
        Admin = "admin",
    }
}

string_enum! {
    /// How far a membership has come. An invitation is none yet: it names an address and not a user.
    MembershipStatus, "membership status", {
        /// In force.
        Active = "active",
        /// An invitation that its user has not accepted.
        Pending = "pending",
    }
}

/// A membership of the principal, in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub group_id: GroupId,
    /// The user's role in it.
    pub role: GroupRole,
    /// How many sends a minute the group grants each of its members, where it says so.
    pub requests_per_minute: Option<NonZeroU32>,
}

/// A user as a member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The user.
    pub view: UserView,
    /// The user's role in the group.
    pub role: GroupRole,
    /// Since when.
    pub since: Timestamp,
}

/// An invitation to a group that nobody has accepted yet: it names an address, whether or not a user has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The group.
    pub group_id: GroupId,
    /// What people call the group.
    pub group_name: String,
    /// Who is invited.
    pub email: String,
    /// The role in the group that comes with it.
    pub role: GroupRole,
    /// When it was sent.
    pub created_at: Timestamp,
}
