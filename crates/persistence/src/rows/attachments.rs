//! Rows of `message_attachments`.

use causerie_domain::attachments::Attachment;
use causerie_domain::ports::StoreError;
use causerie_domain::{AttachmentId, MessageId, Timestamp};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::{json, parse_variant};
use crate::schema::message_attachments;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = message_attachments, check_for_backend(Pg, Sqlite))]
pub(crate) struct AttachmentRow {
    id: AttachmentId,
    pub(crate) message_id: MessageId,
    filename: String,
    mime_type: String,
    size: i64,
    storage_provider: String,
    storage_key: String,
    meta: String,
    uploaded_at: i64,
}

impl TryFrom<AttachmentRow> for Attachment {
    type Error = StoreError;

    fn try_from(row: AttachmentRow) -> Result<Self, StoreError> {
        Ok(Attachment {
            id: row.id,
            message_id: row.message_id,
            filename: row.filename,
            mime_type: row.mime_type,
            size: row.size,
            storage_provider: parse_variant("message_attachments.storage_provider", &row.storage_provider)?,
            storage_key: row.storage_key,
            meta: json::object("message_attachments.meta", &row.meta)?,
            uploaded_at: Timestamp::from_micros(row.uploaded_at),
        })
    }
}
