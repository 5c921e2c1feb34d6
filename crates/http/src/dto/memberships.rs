//! Members of groups and invitations, in requests and responses.

use causerie_domain::GroupId;
use causerie_domain::memberships::{GroupRole, Invitation, Membership};
use causerie_runtime::{NewMember, VisibleMember};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input;
use super::page::{PageCursor, text_cursor};
use super::users::VisibleUserDto;
use super::values::{GroupRoleDto, Id, MembershipStatusDto, TimestampDto};

/// A membership of the caller.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Membership)]
pub(crate) struct MembershipDto {
    group_id: Id,
    role: GroupRoleDto,
}

impl From<&Membership> for MembershipDto {
    fn from(membership: &Membership) -> Self {
        MembershipDto { group_id: membership.group_id.into(), role: membership.role.into() }
    }
}

/// A member of a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberDto {
    user: VisibleUserDto,
    role: GroupRoleDto,
    /// Time at which the user became a member.
    created_at: TimestampDto,
}

impl From<VisibleMember> for MemberDto {
    fn from(member: VisibleMember) -> Self {
        MemberDto { user: member.user.into(), role: member.role.into(), created_at: member.since.into() }
    }
}

/// Changes of a member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MemberChange)]
pub(crate) struct ChangeMemberBody {
    /// The role in the group.
    #[serde(deserialize_with = "input::from_str")]
    #[schema(value_type = GroupRoleDto)]
    pub(crate) role: GroupRole,
}

/// A membership, or an invitation that may become one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MembershipState)]
pub(crate) struct MembershipStateDto {
    group_id: Id,
    /// The member; null for an invitation.
    user_id: Option<Id>,
    /// The invited address; null for a member.
    email: Option<String>,
    role: GroupRoleDto,
    status: MembershipStatusDto,
}

impl MembershipStateDto {
    pub(crate) fn new(group_id: GroupId, member: &NewMember, role: GroupRole) -> Self {
        use causerie_domain::memberships::MembershipStatus::{Active, Pending};
        let (user_id, email, status) = match member {
            NewMember::Invite(email) => (None, Some(email.clone()), Pending),
            NewMember::Add(user) => (Some(Id::from(*user)), None, Active),
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

/// An open invitation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(crate) struct InvitationDto {
    group_id: Id,
    group_name: String,
    /// The invited address.
    email: String,
    /// The role after acceptance.
    role: GroupRoleDto,
    created_at: TimestampDto,
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

text_cursor! {
    /// Position in the list of invitations: an address.
    InvitationCursor in "invitations"
}
