//! Who asks: users, groups, API keys, and the principal that every request is made by.

use std::num::NonZeroU32;

use crate::words::words;
use crate::{ApiKeyId, GroupId, Timestamp, UserId};

words! {
    /// What a user is to the whole installation.
    Role, "role", {
        /// Uses the product.
        User = "user",
        /// Administers it. An admin does not read other people's conversations.
        Admin = "admin",
    }
}

words! {
    /// Whether a user may sign in.
    UserStatus, "user status", {
        /// May sign in.
        Active = "active",
        /// Is refused like an unknown credential.
        Disabled = "disabled",
    }
}

words! {
    /// What a user is to a group.
    GroupRole, "group role", {
        /// Uses what the group has.
        Member = "member",
        /// Also administers it.
        Admin = "admin",
    }
}

words! {
    /// How far a membership has come. An invitation is none yet: it names an address and not a user.
    MembershipStatus, "membership status", {
        /// In force.
        Active = "active",
        /// An invitation that its user has not accepted.
        Pending = "pending",
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

/// A user and the groups it is in: what rules see of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserView {
    /// The user.
    pub user: User,
    /// The groups of its memberships in force, in the order of their ids.
    pub group_ids: Vec<GroupId>,
}

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The id.
    pub id: GroupId,
    /// What people call it.
    pub name: String,
    /// How many sends a minute it grants each of its members; without it, the installation's setting holds.
    pub requests_per_minute: Option<NonZeroU32>,
    /// When it was made.
    pub created_at: Timestamp,
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

/// An API key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The id.
    pub id: ApiKeyId,
    /// The public part by which a request names the key: 12 base62 characters.
    pub public_id: String,
    /// Whose key it is.
    pub user_id: UserId,
    /// The group whose account it uses, if it is bound to one.
    pub group_id: Option<GroupId>,
    /// What its owner calls it.
    pub name: String,
    /// What it may do at most, as `action:Subject`; empty means all that the user may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether the key still opens anything at this instant.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// How a principal showed who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// An API key.
    ApiKey {
        /// The key.
        id: ApiKeyId,
        /// The group it is bound to.
        group_id: Option<GroupId>,
        /// What it may do at most; empty means all that the user may do.
        scopes: Vec<String>,
        /// When it stops working.
        expires_at: Option<Timestamp>,
    },
    /// A token of the external identity provider. It may do what its user may.
    Token,
    /// The owner of the process itself: a service that links the runtime, a subcommand, or whoever comes through
    /// the open door of a server that authenticates nobody.
    Process,
}

/// A user with everything that decides what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The user.
    pub user: User,
    /// The user's memberships in force.
    pub memberships: Vec<Membership>,
    /// The rules stored for the user's groups, then those for the user, each as JSON text.
    pub rules: Vec<String>,
}

impl Standing {
    /// The principal of a request that showed this credential.
    pub fn principal(self, credential: Credential) -> Principal {
        let Standing { user, memberships, rules } = self;
        Principal { user, memberships, rules, credential }
    }
}

/// A user as one request sees it. There is no default one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user.
    pub user: User,
    /// The user's memberships in force.
    pub memberships: Vec<Membership>,
    /// The rules stored for the user's groups, then those for the user, each as JSON text.
    pub rules: Vec<String>,
    /// How the user showed it.
    pub credential: Credential,
}

impl Principal {
    /// The key behind the request, if it came with one.
    pub fn api_key_id(&self) -> Option<ApiKeyId> {
        match &self.credential {
            Credential::ApiKey { id, .. } => Some(*id),
            Credential::Token | Credential::Process => None,
        }
    }

    /// The group the request's key is bound to.
    pub fn key_group_id(&self) -> Option<GroupId> {
        match &self.credential {
            Credential::ApiKey { group_id, .. } => *group_id,
            Credential::Token | Credential::Process => None,
        }
    }

    /// When the request's key stops working.
    pub fn key_expires_at(&self) -> Option<Timestamp> {
        match &self.credential {
            Credential::ApiKey { expires_at, .. } => *expires_at,
            Credential::Token | Credential::Process => None,
        }
    }
}
