//! Who asks.

use causerie_domain::ports::{Identity, KeyHolder, StoreError};
use causerie_domain::{ApiKeyId, Timestamp};

use crate::store::{SqlStore, run};

#[async_trait::async_trait]
impl Identity for SqlStore {
    async fn key_holder(&self, public_id: &str) -> Result<Option<KeyHolder>, StoreError> {
        run!(self, Snapshot, identity::key_holder(public_id.to_owned()))
    }

    async fn touch_key(&self, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
        run!(self, Write, identity::touch_key((id, now)))
    }
}
