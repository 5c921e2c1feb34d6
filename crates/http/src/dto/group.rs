//! Groups, members and invitations.

use std::num::NonZeroU32;

use causerie_domain::groups::Group;
use causerie_domain::memberships::{GroupRole, Invitation};
use causerie_domain::ports::GroupChange;
use causerie_domain::{GroupId, UserId};
use causerie_runtime::{AddMember, SeenMember};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input;
use super::user::SeenUserDto;
use super::value::{GroupRoleWord, Id, MembershipStatusWord, Time};

/// A group to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewGroup)]
pub(crate) struct CreateGroupBody {
    /// What people call it, at most 200 characters.
    pub(crate) name: String,
}

/// What to change about a group. What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupChange)]
pub(crate) struct ChangeGroupBody {
    /// What people call it, at most 200 characters.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// How many sends a minute each of its members has, in place of the installation's setting; null gives them that
    /// again. For who manages the group.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    requests_per_minute: Option<Option<NonZeroU32>>,
}

impl From<ChangeGroupBody> for GroupChange {
    fn from(body: ChangeGroupBody) -> Self {
        GroupChange { name: body.name, requests_per_minute: body.requests_per_minute }
    }
}

/// A group of users.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Group)]
pub(crate) struct GroupDto {
    id: Id,
    name: String,
    /// How many sends a minute each of its members has; null where the installation's setting holds.
    #[schema(value_type = Option<u32>)]
    requests_per_minute: Option<NonZeroU32>,
    created_at: Time,
}

impl From<Group> for GroupDto {
    fn from(group: Group) -> Self {
        let Group { id, name, requests_per_minute, created_at } = group;
        GroupDto { id: id.into(), name, requests_per_minute, created_at: created_at.into() }
    }
}

/// A member of a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberDto {
    user: SeenUserDto,
    role: GroupRoleWord,
    /// Since when.
    created_at: Time,
}

impl From<SeenMember> for MemberDto {
    fn from(member: SeenMember) -> Self {
        MemberDto { user: member.user.into(), role: member.role.into(), created_at: member.since.into() }
    }
}

/// Somebody to invite by `email`, or to make a member at once by `user_id` (for who manages the group).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMember)]
pub(crate) struct AddMemberBody {
    /// Who is invited. The answer does not tell whether anybody has this address.
    #[serde(default, deserialize_with = "input::given")]
    #[schema(nullable = false)]
    pub(crate) email: Option<String>,
    /// Who becomes a member at once.
    #[serde(default, deserialize_with = "input::given_word")]
    #[schema(value_type = Id, required = false)]
    pub(crate) user_id: Option<UserId>,
    /// The role in the group; `member` if nothing is said.
    #[serde(default, deserialize_with = "input::given_word")]
    #[schema(value_type = GroupRoleWord, required = false)]
    pub(crate) role: Option<GroupRole>,
}

/// What to change about a member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MemberChange)]
pub(crate) struct ChangeMemberBody {
    /// The role in the group.
    #[serde(deserialize_with = "input::word")]
    #[schema(value_type = GroupRoleWord)]
    pub(crate) role: GroupRole,
}

/// A membership, or an invitation that may become one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MembershipState)]
pub(crate) struct MembershipStateDto {
    group_id: Id,
    /// Who is a member.
    user_id: Option<Id>,
    /// Who is invited.
    email: Option<String>,
    role: GroupRoleWord,
    status: MembershipStatusWord,
}

impl MembershipStateDto {
    pub(crate) fn new(group_id: GroupId, who: &AddMember, role: GroupRole) -> Self {
        use causerie_domain::memberships::MembershipStatus::{Active, Pending};
        let (user_id, email, status) = match who {
            AddMember::Invite(email) => (None, Some(email.clone()), Pending),
            AddMember::Directly(user) => (Some(Id::from(*user)), None, Active),
        };
        MembershipStateDto {
            group_id: group_id.into(),
            user_id,
            email,
            role: role.into(),
            status: status.into(),
        }
    }
}

/// An invitation that nobody has accepted yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(crate) struct InvitationDto {
    group_id: Id,
    /// What people call the group.
    group_name: String,
    /// Who is invited.
    email: String,
    /// The role that comes with it.
    role: GroupRoleWord,
    created_at: Time,
}

impl From<Invitation> for InvitationDto {
    fn from(invitation: Invitation) -> Self {
        InvitationDto {
            group_id: invitation.group_id.into(),
            group_name: invitation.group_name,
            email: invitation.email,
            role: invitation.role.into(),
            created_at: invitation.created_at.into(),
        }
    }
}
