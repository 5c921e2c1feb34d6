//! Memberships of users in groups, and invitations to groups.

use std::num::NonZeroU32;

use crate::string_enum::string_enum;
use crate::users::UserView;
use crate::{GroupId, Timestamp};

string_enum! {
    /// Role of a user in a group.
    GroupRole, "group role", {
        /// Uses the resources of the group.
        Member = "member",
        /// Also administers the group.
        Admin = "admin",
    }
}

string_enum! {
    /// Status of a membership. An open invitation is no membership: it names an e-mail address and no user.
    MembershipStatus, "membership status", {
        Active = "active",
        /// Invited, but not accepted yet.
        Pending = "pending",
    }
}

/// Active membership of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    pub group_id: GroupId,
    pub role: GroupRole,
    /// Sends per minute that the group grants each of its members.
    pub requests_per_minute: Option<NonZeroU32>,
}

/// Member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub view: UserView,
    pub role: GroupRole,
    /// Start of the membership.
    pub since: Timestamp,
}

/// Open invitation to a group. It names an e-mail address, independent of whether a user has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    pub group_id: GroupId,
    pub group_name: String,
    pub email: String,
    /// Role of the future member.
    pub role: GroupRole,
    pub created_at: Timestamp,
}
