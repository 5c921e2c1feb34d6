//! Who asks.

use causerie_domain::audit::AuditStamp;
use causerie_domain::identity::Standing;
use causerie_domain::ports::{ExternalId, ExternalIdError, Identity, KeyHolder, NewUser, StoreError};
use causerie_domain::{ApiKeyId, Timestamp, UserId};

use crate::store::{SqlStore, run};

#[async_trait::async_trait]
impl Identity for SqlStore {
    async fn key_holder(&self, public_id: &str) -> Result<Option<KeyHolder>, StoreError> {
        run!(self, Snapshot, identity::key_holder(public_id.to_owned()))
    }

    async fn external_user(&self, id: &ExternalId) -> Result<Option<Standing>, StoreError> {
        run!(self, Snapshot, identity::external_user(id.clone()))
    }

    async fn provision(&self, user: NewUser, id: ExternalId) -> Result<Standing, ExternalIdError> {
        run!(self, Write, identity::provision((user, id)))
    }

    async fn link(&self, user: UserId, id: ExternalId, stamp: AuditStamp) -> Result<(), ExternalIdError> {
        run!(self, Write, identity::link((user, id, stamp)))
    }

    async fn first_administrator(&self) -> Result<Option<Standing>, StoreError> {
        run!(self, Snapshot, identity::first_administrator(()))
    }

    async fn touch_key(&self, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
        run!(self, Write, identity::touch_key((id, now)))
    }
}
