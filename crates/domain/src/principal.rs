//! The principal of a request: a user, its rights, and the credential that was presented.

use crate::memberships::Membership;
use crate::users::User;
use crate::{ApiKeyId, GroupId, Timestamp};

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
pub struct UserAccess {
    /// The user.
    pub user: User,
    /// The user's memberships in force.
    pub memberships: Vec<Membership>,
    /// The rules stored for the user's groups, then those for the user, each as JSON text.
    pub rules: Vec<String>,
}

impl UserAccess {
    /// The principal of a request that showed this credential.
    pub fn principal(self, credential: Credential) -> Principal {
        let UserAccess { user, memberships, rules } = self;
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
