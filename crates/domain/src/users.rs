//! Users of an installation.

use crate::string_enum::string_enum;
use crate::{GroupId, Timestamp, UserId};

string_enum! {
    /// Role of a user in the installation.
    Role, "role", {
        /// Uses the product.
        User = "user",
        /// Administers the installation. An admin does not read sessions of other users.
        Admin = "admin",
    }
}

string_enum! {
    /// Status of a user.
    UserStatus, "user status", {
        /// May sign in.
        Active = "active",
        /// Credentials are refused like unknown ones.
        Disabled = "disabled",
    }
}

/// User: a person or a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    /// Unique e-mail address; ASCII case is ignored.
    pub email: String,
    pub name: String,
    /// BCP 47 language tag.
    pub locale: Option<String>,
    pub status: UserStatus,
    pub role: Role,
    pub created_at: Timestamp,
}

/// User with its groups, as rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserView {
    pub user: User,
    /// Groups of active memberships, by id.
    pub group_ids: Vec<GroupId>,
}
