//! Authentication.

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::ports::{
    ApiKeyRecord, Authentication, CurrentAccess, ExternalId, ExternalIdError, NewUser, StoreError,
};
use causerie_domain::principal::UserAccess;
use causerie_domain::{ApiKeyId, Timestamp, UserId};

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Authentication for SqlStore {
    async fn api_key_record(&self, public_id: &str) -> Result<Option<ApiKeyRecord>, StoreError> {
        transact!(self, Snapshot, authentication::api_key_record(public_id.to_owned()))
    }

    async fn current_access(
        &self,
        user: UserId,
        key: Option<ApiKeyId>,
    ) -> Result<Option<CurrentAccess>, StoreError> {
        transact!(self, Snapshot, authentication::current_access((user, key)))
    }

    async fn external_user(&self, id: &ExternalId) -> Result<Option<UserAccess>, StoreError> {
        transact!(self, Snapshot, authentication::external_user(id.clone()))
    }

    async fn provision(&self, user: NewUser, id: ExternalId) -> Result<UserAccess, ExternalIdError> {
        transact!(self, Write, authentication::provision((user, id)))
    }

    async fn link(&self, user: UserId, id: ExternalId, stamp: AuditStamp) -> Result<(), ExternalIdError> {
        transact!(self, Write, authentication::link((user, id, stamp)))
    }

    async fn first_admin(&self) -> Result<Option<UserAccess>, StoreError> {
        transact!(self, Snapshot, authentication::first_admin(()))
    }

    async fn touch_api_key(&self, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError> {
        transact!(self, Write, authentication::touch_api_key((id, now)))
    }
}
