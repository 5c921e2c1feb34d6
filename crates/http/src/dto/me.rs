//! The principal of a request, as it sees itself.

use causerie_domain::budgets::BudgetState;
use causerie_domain::memberships::{GroupRole, Invitation};
use causerie_domain::principal::{Credential, Principal};
use causerie_domain::users::Role;
use serde::Serialize;
use utoipa::ToSchema;

use super::budgets::BudgetDto;
use super::memberships::{InvitationDto, MembershipDto};
use super::users::UserDto;
use super::values::Id;

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
