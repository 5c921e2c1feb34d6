//! Rows of `message_attachments`.

use causerie_domain::Timestamp;
use causerie_domain::attachments::Attachment;
use causerie_domain::ports::StoreError;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::{checked_text, json, parse_variant};
use crate::schema::message_attachments;
use crate::types::{IdParam, id_param};

/// An attachment that is not deleted.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = message_attachments, check_for_backend(Pg, Sqlite))]
pub(crate) struct AttachmentRow {
    pub(crate) id: IdParam,
    pub(crate) message_id: IdParam,
    filename: String,
    mime_type: String,
    size: Option<i64>,
    storage_provider: String,
    storage_key: String,
    meta: String,
    uploaded_at: i64,
}

impl TryFrom<AttachmentRow> for Attachment {
    type Error = StoreError;

    fn try_from(row: AttachmentRow) -> Result<Self, StoreError> {
        Ok(Attachment {
            id: row.id.into(),
            message_id: row.message_id.into(),
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

impl TryFrom<Attachment> for AttachmentRow {
    type Error = StoreError;

    fn try_from(attachment: Attachment) -> Result<Self, StoreError> {
        // Without `..`: a field that is not stored does not compile.
        let Attachment {
            id,
            message_id,
            filename,
            mime_type,
            size,
            storage_provider,
            storage_key,
            meta,
            uploaded_at,
        } = attachment;
        checked_text("message_attachments.filename", &filename)?;
        checked_text("message_attachments.mime_type", &mime_type)?;
        checked_text("message_attachments.storage_key", &storage_key)?;
        Ok(AttachmentRow {
            id: id_param(id),
            message_id: id_param(message_id),
            filename,
            mime_type,
            size,
            storage_provider: storage_provider.as_str().to_owned(),
            storage_key,
            meta: json::object_text(&meta)?,
            uploaded_at: uploaded_at.as_micros(),
        })
    }
}
