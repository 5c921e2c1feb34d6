//! Port for attachments.

use std::fmt::Debug;

use crate::attachments::Attachment;
use crate::page::{Page, PageRequest};
use crate::ports::{SessionError, StoreError};
use crate::sessions::Session;
use crate::{AttachmentId, Filter, SessionId, Timestamp};

/// Position of an attachment in a session: by the sequence number of its message, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttachmentCursor {
    pub seq: i64,
    pub id: AttachmentId,
}

/// Selects the attachments of a session that are not deleted, in the order of their messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentQuery {
    pub session_id: SessionId,
    /// Messages that the principal may read (filter on Message).
    pub visible: Filter,
    pub page: PageRequest<AttachmentCursor>,
}

/// Reads and deletes attachments. [`TurnStore`](super::TurnStore) writes them with their message.
#[async_trait::async_trait]
pub trait Attachments: Send + Sync + Debug {
    /// Returns a page of the attachments of a session.
    async fn attachments(
        &self,
        query: AttachmentQuery,
    ) -> Result<Page<Attachment, AttachmentCursor>, StoreError>;

    /// Returns the session of an attachment that is not deleted, if the session matches the filter.
    async fn session_of_attachment(
        &self,
        id: AttachmentId,
        visible: &Filter,
    ) -> Result<Option<Session>, StoreError>;

    /// Marks an attachment as deleted: it is neither listed nor sent upstream again. The filter is on its Session.
    ///
    /// # Errors
    /// [`SessionError::NotFound`].
    async fn delete_attachment(
        &self,
        id: AttachmentId,
        allowed: &Filter,
        now: Timestamp,
    ) -> Result<(), SessionError>;
}
