//! Which attachments are asked of the store.

use crate::page::PageRequest;
use crate::{AttachmentId, Filter, SessionId};

/// The place of an attachment in a session: by its message, then by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttachmentKey {
    /// The message's number.
    pub seq: i64,
    /// Its id.
    pub id: AttachmentId,
}

/// Which attachments to list: those of a session that are not deleted, in the order of its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentList {
    /// The conversation.
    pub session_id: SessionId,
    /// What the principal may read (a filter on Message).
    pub visible: Filter,
    /// Which part of the list.
    pub page: PageRequest<AttachmentKey>,
}
