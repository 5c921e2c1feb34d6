//! Attachments. A filter that matches nothing sends no query.

use causerie_domain::attachments::Attachment;
use causerie_domain::page::Page;
use causerie_domain::ports::{AttachmentCursor, AttachmentQuery, Attachments, SessionError, StoreError};
use causerie_domain::sessions::Session;
use causerie_domain::{AttachmentId, Filter, Timestamp};

use crate::input::DeleteAttachment;
use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Attachments for SqlStore {
    async fn attachments(
        &self,
        list: AttachmentQuery,
    ) -> Result<Page<Attachment, AttachmentCursor>, StoreError> {
        if list.visible.is_nothing() {
            return Ok(Page { rows: Vec::new(), next: None });
        }
        transact!(self, Snapshot, attachments::page(list))
    }

    async fn session_of_attachment(
        &self,
        id: AttachmentId,
        visible: &Filter,
    ) -> Result<Option<Session>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        transact!(self, Snapshot, attachments::session((id, visible.clone())))
    }

    async fn delete_attachment(
        &self,
        id: AttachmentId,
        allowed: &Filter,
        now: Timestamp,
    ) -> Result<(), SessionError> {
        if allowed.is_nothing() {
            return Err(SessionError::NotFound);
        }
        transact!(self, Write, attachments::delete(DeleteAttachment { id, allowed: allowed.clone(), now }))
    }
}
