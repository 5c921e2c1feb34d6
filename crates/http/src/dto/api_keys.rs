//! API keys, in requests and responses.

use causerie_domain::api_keys::ApiKey;
use causerie_domain::{ApiKeyId, GroupId, Secret, Timestamp, UserId};
use causerie_runtime::CreateApiKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input;
use super::page::{PageCursor, id_cursor};
use super::text::{LineText, ScopeText};
use super::values::{Id, TimestampDto};
use crate::auth::KeyMaterial;

/// A new API key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewApiKey)]
pub(crate) struct CreateApiKeyBody {
    /// Name of the key, at most 200 characters.
    #[schema(value_type = LineText)]
    name: String,
    /// The user of the key. Default: the caller; administrators may name another user.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[schema(value_type = Option<Id>)]
    user_id: Option<UserId>,
    /// The group whose account the key uses; the user must be a member.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[schema(value_type = Option<Id>)]
    group_id: Option<GroupId>,
    /// Scopes that limit the key, as `action:Subject`, at most 100; an empty list means all rights of the user.
    #[serde(default)]
    #[schema(value_type = Vec<ScopeText>, max_items = 100)]
    scopes: Vec<String>,
    /// Time of expiry. A key that is created with another key expires no later than that key.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[schema(value_type = Option<TimestampDto>)]
    expires_at: Option<Timestamp>,
}

impl CreateApiKeyBody {
    /// Returns the new key with its public id and the hash of its secret.
    pub(crate) fn with_key(self, key: &KeyMaterial) -> CreateApiKey {
        CreateApiKey {
            public_id: key.public_id.clone(),
            secret_hash: key.secret_hash(),
            user_id: self.user_id,
            group_id: self.group_id,
            name: self.name,
            scopes: self.scopes,
            expires_at: self.expires_at,
        }
    }
}

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct ApiKeyDto {
    id: Id,
    /// Public part of the key: the twelve characters after `csr_`.
    public_id: String,
    user_id: Id,
    /// The group whose account the key uses.
    group_id: Option<Id>,
    name: String,
    /// Scopes that limit the key; an empty list means all rights of the user.
    scopes: Vec<String>,
    created_at: TimestampDto,
    expires_at: Option<TimestampDto>,
    revoked_at: Option<TimestampDto>,
    /// Time of the last use, with a precision of a minute.
    last_used_at: Option<TimestampDto>,
}

impl From<ApiKey> for ApiKeyDto {
    fn from(key: ApiKey) -> Self {
        ApiKeyDto {
            id: key.id.into(),
            public_id: key.public_id,
            user_id: key.user_id.into(),
            group_id: key.group_id.map(Id::from),
            name: key.name,
            scopes: key.scopes,
            created_at: key.created_at.into(),
            expires_at: key.expires_at.map(TimestampDto::from),
            revoked_at: key.revoked_at.map(TimestampDto::from),
            last_used_at: key.last_used_at.map(TimestampDto::from),
        }
    }
}

/// A new API key with its secret, which no later response contains.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedApiKey)]
pub(crate) struct CreatedApiKeyDto {
    #[serde(flatten)]
    api_key: ApiKeyDto,
    /// The complete key with its secret.
    key: String,
}

impl CreatedApiKeyDto {
    pub(crate) fn new(key: ApiKey, credential: &Secret) -> Self {
        CreatedApiKeyDto { api_key: key.into(), key: credential.expose().to_owned() }
    }
}

id_cursor!(ApiKeyId in "api-keys");
