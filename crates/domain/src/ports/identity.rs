//! The port that finds out who asks.

use std::fmt::Debug;

use crate::identity::{ApiKey, Standing};
use crate::ports::StoreError;
use crate::{ApiKeyId, Timestamp};

/// A key and everything that is known about its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The key.
    pub key: ApiKey,
    /// SHA-256 of the secret.
    pub secret_hash: [u8; 32],
    /// Its user.
    pub standing: Standing,
}

/// Looks credentials up. The caller compares secrets, expiry and status.
#[async_trait::async_trait]
pub trait Identity: Send + Sync + Debug {
    /// The key with this public id, revoked and expired ones included.
    async fn key_holder(&self, public_id: &str) -> Result<Option<KeyHolder>, StoreError>;

    /// Notes that a key was used.
    async fn touch_key(&self, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError>;
}
