//! API keys. A filter that matches nothing sends no query.

use causerie_domain::api_keys::ApiKey;
use causerie_domain::audit_events::AuditStamp;
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{ApiKeys, DirectoryError, NewApiKey, StoreError};
use causerie_domain::{ApiKeyId, Filter};

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl ApiKeys for SqlStore {
    async fn api_key(&self, id: ApiKeyId, visible: &Filter) -> Result<Option<ApiKey>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        transact!(self, Read, api_keys::by_id((id, visible.clone())))
    }

    async fn api_keys(
        &self,
        visible: &Filter,
        page: PageRequest<ApiKeyId>,
    ) -> Result<Page<ApiKey, ApiKeyId>, StoreError> {
        if visible.is_nothing() {
            return Ok(Page::empty());
        }
        transact!(self, Snapshot, api_keys::page((visible.clone(), page)))
    }

    async fn add_api_key(&self, new: NewApiKey, stamp: AuditStamp) -> Result<ApiKey, DirectoryError> {
        transact!(self, Write, api_keys::add((new, stamp)))
    }

    async fn revoke_api_key(
        &self,
        id: ApiKeyId,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        transact!(self, Write, api_keys::revoke((id, allowed.clone(), stamp)))
    }
}
