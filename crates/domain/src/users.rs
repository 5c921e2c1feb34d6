//! Users of an installation.

use crate::string_enum::string_enum;
use crate::{GroupId, Timestamp, UserId};

string_enum! {
    /// What a user is to the whole installation.
    Role, "role", {
        /// Uses the product.
        User = "user",
        /// Administers it. An admin does not read other people's conversations.
        Admin = "admin",
    }
}

string_enum! {
    /// Whether a user may sign in.
    UserStatus, "user status", {
        /// May sign in.
        Active = "active",
        /// Is refused like an unknown credential.
        Disabled = "disabled",
    }
}

/// A person or a service that holds conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// The e-mail address, unique, compared without regard to ASCII case.
    pub email: String,
    /// The name shown to others.
    pub name: String,
    /// A BCP 47 language tag, if the user chose one.
    pub locale: Option<String>,
    /// Whether the user may sign in.
    pub status: UserStatus,
    /// What the user is to the installation.
    pub role: Role,
    /// When the user was created.
    pub created_at: Timestamp,
}

/// A user and the groups it is in: what rules see of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserView {
    /// The user.
    pub user: User,
    /// The groups of its memberships in force, in the order of their ids.
    pub group_ids: Vec<GroupId>,
}
