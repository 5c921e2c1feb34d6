//! The principal of a request.

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

/// The principal of the request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Me)]
pub(crate) struct MeDto {
    user: UserDto,
    /// Layers of built-in rules that apply: `user` always, and possibly `group_admin` and `admin`.
    roles: Vec<&'static str>,
    /// Groups of which the user is a member.
    groups: Vec<MembershipDto>,
    /// Scopes that limit the credential, as `action:Subject`; an empty list means all rights of the user.
    scopes: Vec<String>,
    /// The group to whose account the credential is bound.
    key_group_id: Option<Id>,
    /// Open invitations of the user's address.
    invitations: Vec<InvitationDto>,
    /// Budgets that apply to sends: those of the user, of its groups and of the key.
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
            user: principal.into(),
            roles: roles.into_iter().filter(|(_, applies)| *applies).map(|(role, _)| role).collect(),
            groups: principal.memberships.iter().map(MembershipDto::from).collect(),
            scopes,
            key_group_id: principal.key_group_id().map(Id::from),
            invitations: invitations.into_iter().map(InvitationDto::from).collect(),
            budgets: budgets.into_iter().map(BudgetDto::from).collect(),
        }
    }
}
