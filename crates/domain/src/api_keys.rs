//! API keys.

use crate::{ApiKeyId, GroupId, Timestamp, UserId};

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
