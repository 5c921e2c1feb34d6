//! The principal of a request: a user, its rights, and the credential that was presented.

use uuid::Uuid;

use crate::memberships::Membership;
use crate::users::User;
use crate::{ApiKeyId, GroupId, Timestamp, UserId};

/// Credential of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    ApiKey {
        id: ApiKeyId,
        /// Group to which the API key is bound.
        group_id: Option<GroupId>,
        /// Upper bound of the rights; empty means all rights of the user.
        scopes: Vec<String>,
        expires_at: Option<Timestamp>,
    },
    /// Token of the external identity provider. It has all rights of its user.
    Token,
    /// Process itself: a service that links the runtime, a command of the operator, or any request to a server without
    /// authentication.
    Process,
}

/// User and group on whose behalf a limited resource is used. Waiting requests are served in turn between groups, then
/// between the users of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requester {
    pub user_id: UserId,
    /// `None` counts as a group of one user.
    pub group_id: Option<GroupId>,
}

impl Requester {
    /// Requester of a program without users, and of the background tasks of the process.
    pub const ANONYMOUS: Requester = Requester { user_id: UserId::from_uuid(Uuid::nil()), group_id: None };
    /// Requester of a request whose credential is not verified yet. All of them share one place in turn.
    pub const UNIDENTIFIED: Requester = Requester { user_id: UserId::from_uuid(Uuid::max()), group_id: None };
}

/// User with its memberships and rules, which decide its rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAccess {
    pub user: User,
    /// Active memberships.
    pub memberships: Vec<Membership>,
    /// Stored rules of the groups of the user, then rules of the user, each as JSON text.
    pub rules: Vec<String>,
}

impl UserAccess {
    /// Creates the principal of a request with this credential.
    pub fn principal(self, credential: Credential) -> Principal {
        let UserAccess { user, memberships, rules } = self;
        Principal { user, memberships, rules, credential }
    }
}

/// User of a request, with its rights and the presented credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub user: User,
    /// Active memberships.
    pub memberships: Vec<Membership>,
    /// Stored rules of the groups of the user, then rules of the user, each as JSON text.
    pub rules: Vec<String>,
    pub credential: Credential,
}

impl Principal {
    /// Returns the requester on whose behalf the request uses limited resources.
    pub fn requester(&self) -> Requester {
        Requester { user_id: self.user.id, group_id: self.key_group_id() }
    }

    /// Returns the API key of the request.
    pub fn api_key_id(&self) -> Option<ApiKeyId> {
        match &self.credential {
            Credential::ApiKey { id, .. } => Some(*id),
            Credential::Token | Credential::Process => None,
        }
    }

    /// Returns the group to which the API key of the request is bound.
    pub fn key_group_id(&self) -> Option<GroupId> {
        match &self.credential {
            Credential::ApiKey { group_id, .. } => *group_id,
            Credential::Token | Credential::Process => None,
        }
    }

    /// Returns the expiry of the API key of the request.
    pub fn key_expires_at(&self) -> Option<Timestamp> {
        match &self.credential {
            Credential::ApiKey { expires_at, .. } => *expires_at,
            Credential::Token | Credential::Process => None,
        }
    }
}
