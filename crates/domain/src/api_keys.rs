//! API keys.

use crate::{ApiKeyId, GroupId, Timestamp, UserId};

/// API key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    /// Public part that identifies the key in a credential: 12 base62 characters.
    pub public_id: String,
    /// Owner.
    pub user_id: UserId,
    /// Group to which usage through this key is accounted.
    pub group_id: Option<GroupId>,
    pub name: String,
    /// Upper bound of the rights of the key, as `action:Subject`; empty means all rights of the user.
    pub scopes: Vec<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// Time of the last use, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// Returns whether the key is neither revoked nor expired.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}
