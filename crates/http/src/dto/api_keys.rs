//! API keys, as they are made and listed.

use causerie_domain::api_keys::ApiKey;
use causerie_domain::{GroupId, Secret, Timestamp, UserId};
use causerie_runtime::CreateApiKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input;
use super::values::{Id, TimestampDto};
use crate::auth::KeyMaterial;

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewApiKey)]
pub(crate) struct CreateApiKeyBody {
    /// What you call it, at most 200 characters.
    name: String,
    /// Whose key it will be: administrators may name another user than themselves.
    #[serde(default, deserialize_with = "input::optional_word")]
    #[schema(value_type = Option<Id>)]
    user_id: Option<UserId>,
    /// The group whose account it uses; its user must be a member.
    #[serde(default, deserialize_with = "input::optional_word")]
    #[schema(value_type = Option<Id>)]
    group_id: Option<GroupId>,
    /// What it may do at most, as `action:Subject`; empty means all that its user may do.
    #[serde(default)]
    #[schema(examples(json!(["create:Message", "read:Usage"])))]
    scopes: Vec<String>,
    /// When it stops working; a key that is made with a key ends with that one at the latest.
    #[serde(default, deserialize_with = "input::optional_word")]
    #[schema(value_type = Option<TimestampDto>)]
    expires_at: Option<Timestamp>,
}

impl CreateApiKeyBody {
    /// The key that this secret opens.
    pub(crate) fn with(self, key: &KeyMaterial) -> CreateApiKey {
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
    /// The part of the key by which it is known: the twelve characters after `csr_`.
    public_id: String,
    user_id: Id,
    /// The group whose account it uses.
    group_id: Option<Id>,
    name: String,
    /// What it may do at most; empty means all that its user may do.
    scopes: Vec<String>,
    created_at: TimestampDto,
    expires_at: Option<TimestampDto>,
    revoked_at: Option<TimestampDto>,
    /// When it was last used, to the minute.
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

/// An API key at the one moment at which its secret is known.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedApiKey)]
pub(crate) struct CreatedApiKeyDto {
    #[serde(flatten)]
    described: ApiKeyDto,
    /// The whole key. It is shown this once.
    key: String,
}

impl CreatedApiKeyDto {
    pub(crate) fn new(key: ApiKey, credential: &Secret) -> Self {
        CreatedApiKeyDto { described: key.into(), key: credential.expose().to_owned() }
    }
}
