//! Users, in requests and responses.

use causerie_domain::UserId;
use causerie_domain::ports::UserChange;
use causerie_domain::principal::Principal;
use causerie_domain::users::{Role, UserStatus};
use causerie_runtime::{CreateUser, VisibleUser};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input;
use super::page::{PageCursor, id_cursor};
use super::text::{EmailText, LanguageText, LineText};
use super::values::{Id, TimestampDto, UserRoleDto, UserStatusDto, nullable_text};

/// A new user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser)]
pub(crate) struct CreateUserBody {
    /// The e-mail address, unique without regard to case.
    #[schema(value_type = EmailText)]
    email: String,
    /// The name shown to others, at most 200 characters.
    #[schema(value_type = LineText)]
    name: String,
    /// The role in the installation. Default: `user`.
    #[serde(default, deserialize_with = "input::present_from_str")]
    #[schema(value_type = UserRoleDto, required = false)]
    role: Option<Role>,
}

impl From<CreateUserBody> for CreateUser {
    fn from(body: CreateUserBody) -> Self {
        CreateUser { email: body.email, name: body.name, role: body.role.unwrap_or(Role::User) }
    }
}

/// Changes of a user. Omitted members stay unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserChange)]
pub(crate) struct ChangeUserBody {
    #[serde(default, deserialize_with = "input::present")]
    #[schema(value_type = EmailText, required = false)]
    email: Option<String>,
    #[serde(default, deserialize_with = "input::present")]
    #[schema(value_type = LineText, required = false)]
    name: Option<String>,
    /// The language as a BCP 47 tag; null removes it.
    #[serde(default, deserialize_with = "input::present")]
    #[schema(value_type = Option<LanguageText>)]
    locale: Option<Option<String>>,
    /// Whether the user may sign in.
    #[serde(default, deserialize_with = "input::present_from_str")]
    #[schema(value_type = UserStatusDto, required = false)]
    status: Option<UserStatus>,
    /// The role in the installation.
    #[serde(default, deserialize_with = "input::present_from_str")]
    #[schema(value_type = UserRoleDto, required = false)]
    role: Option<Role>,
}

impl From<ChangeUserBody> for UserChange {
    fn from(body: ChangeUserBody) -> Self {
        let ChangeUserBody { email, name, locale, status, role } = body;
        UserChange { email, name, locale, status, role }
    }
}

/// A user, with the members that the rules allow the caller to read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SeenUser)]
pub(crate) struct VisibleUserDto {
    id: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// A BCP 47 language tag; null if the user chose none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, schema_with = nullable_text)]
    locale: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UserStatusDto, required = false)]
    status: Option<UserStatusDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UserRoleDto, required = false)]
    role: Option<UserRoleDto>,
    /// The groups that the user is a member of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    group_ids: Option<Vec<Id>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TimestampDto, required = false)]
    created_at: Option<TimestampDto>,
}

impl From<VisibleUser> for VisibleUserDto {
    fn from(seen: VisibleUser) -> Self {
        let user = &seen.view.user;
        let group_ids = seen.view.group_ids.iter().copied().map(Id::from).collect();
        VisibleUserDto {
            id: user.id.into(),
            email: seen.readable("email", user.email.clone()),
            name: seen.readable("name", user.name.clone()),
            locale: seen.readable("locale", user.locale.clone()),
            status: seen.readable("status", user.status.into()),
            role: seen.readable("role", user.role.into()),
            group_ids: seen.readable("group_ids", group_ids),
            created_at: seen.readable("created_at", user.created_at.into()),
        }
    }
}

/// A person or a service that owns sessions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserDto {
    id: Id,
    email: String,
    name: String,
    /// A BCP 47 language tag, if the user chose one.
    locale: Option<String>,
    status: UserStatusDto,
    role: UserRoleDto,
    /// The groups that the user is a member of.
    group_ids: Vec<Id>,
    created_at: TimestampDto,
}

impl From<&Principal> for UserDto {
    fn from(principal: &Principal) -> Self {
        let user = &principal.user;
        UserDto {
            id: user.id.into(),
            email: user.email.clone(),
            name: user.name.clone(),
            locale: user.locale.clone(),
            status: user.status.into(),
            role: user.role.into(),
            group_ids: principal.memberships.iter().map(|membership| membership.group_id.into()).collect(),
            created_at: user.created_at.into(),
        }
    }
}

id_cursor!(UserId in "users");
