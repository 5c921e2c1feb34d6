//! The principal of a request, as it sees itself.

use causerie_domain::budgets::BudgetState;
use causerie_domain::memberships::{GroupRole, Invitation, Membership};
use causerie_domain::principal::{Credential, Principal};
use causerie_domain::users::{Role, User};
use serde::Serialize;
use utoipa::ToSchema;

use super::budget::BudgetDto;
use super::group::InvitationDto;
use super::value::{GroupRoleWord, Id, Time, UserRoleWord, UserStatusWord};

/// Who makes the request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Me)]
pub(crate) struct MeDto {
    user: UserDto,
    /// The layers of rules that apply: `user` always, `group_admin` and `admin` where they do.
    roles: Vec<&'static str>,
    /// The groups the user is a member of.
    groups: Vec<MembershipDto>,
    /// What the credential may do at most, as `action:Subject`; empty means all that the user may do.
    scopes: Vec<String>,
    /// The group whose account the credential is bound to.
    key_group_id: Option<Id>,
    /// The groups to which your address is invited.
    invitations: Vec<InvitationDto>,
    /// The budgets that your sends weigh on: yours, your groups', and that of the key.
    budgets: Vec<BudgetDto>,
}

impl MeDto {
    pub(crate) fn new(
        principal: &Principal,
        invitations: Vec<Invitation>,
        budgets: Vec<BudgetState>,
    ) -> Self {
        let administers_a_group = principal.memberships.iter().any(|member| member.role == GroupRole::Admin);
        let roles = [
            ("user", true),
            ("group_admin", administers_a_group),
            ("admin", principal.user.role == Role::Admin),
        ];
        let scopes = match &principal.credential {
            Credential::ApiKey { scopes, .. } => scopes.clone(),
            Credential::Token | Credential::Process => Vec::new(),
        };
        MeDto {
            user: (&principal.user).into(),
            roles: roles.into_iter().filter(|(_, applies)| *applies).map(|(role, _)| role).collect(),
            groups: principal.memberships.iter().map(MembershipDto::from).collect(),
            scopes,
            key_group_id: principal.key_group_id().map(Id::from),
            invitations: invitations.into_iter().map(InvitationDto::from).collect(),
            budgets: budgets.into_iter().map(BudgetDto::from).collect(),
        }
    }
}

/// A person or a service that holds conversations.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserDto {
    id: Id,
    email: String,
    name: String,
    /// A BCP 47 language tag, if the user chose one.
    locale: Option<String>,
    status: UserStatusWord,
    role: UserRoleWord,
    created_at: Time,
}

impl From<&User> for UserDto {
    fn from(user: &User) -> Self {
        UserDto {
            id: user.id.into(),
            email: user.email.clone(),
            name: user.name.clone(),
            locale: user.locale.clone(),
            status: user.status.into(),
            role: user.role.into(),
            created_at: user.created_at.into(),
        }
    }
}

/// A membership in force.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Membership)]
pub(crate) struct MembershipDto {
    group_id: Id,
    role: GroupRoleWord,
}

impl From<&Membership> for MembershipDto {
    fn from(membership: &Membership) -> Self {
        MembershipDto { group_id: membership.group_id.into(), role: membership.role.into() }
    }
}
