//! Rows of `api_keys`.

use causerie_domain::api_keys::ApiKey;
use causerie_domain::ports::StoreError;
use causerie_domain::{ApiKeyId, GroupId, Timestamp, UserId};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::json;
use crate::error::corrupt;
use crate::schema::api_keys;

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys, check_for_backend(Pg, Sqlite))]
pub(crate) struct ApiKeyRow {
    id: ApiKeyId,
    public_id: String,
    secret_hash: Vec<u8>,
    user_id: UserId,
    group_id: Option<GroupId>,
    name: String,
    scopes: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl ApiKeyRow {
    /// Returns the SHA-256 of the secret.
    pub(crate) fn secret_hash(&self) -> Result<[u8; 32], StoreError> {
        self.secret_hash.as_slice().try_into().map_err(|_| corrupt("api_keys.secret_hash is not 32 bytes"))
    }
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: ApiKeyRow) -> Result<Self, StoreError> {
        Ok(ApiKey {
            id: row.id,
            public_id: row.public_id,
            user_id: row.user_id,
            group_id: row.group_id,
            name: row.name,
            scopes: json::list("api_keys.scopes", &row.scopes)?,
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: row.expires_at.map(Timestamp::from_micros),
            revoked_at: row.revoked_at.map(Timestamp::from_micros),
            last_used_at: row.last_used_at.map(Timestamp::from_micros),
        })
    }
}
