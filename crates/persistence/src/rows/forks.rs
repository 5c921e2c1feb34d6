//! Rows of messages and attachments that are copied to a fork. Their texts are not parsed.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use crate::schema::{message_attachments, messages};
use crate::types::IdParam;

/// A message without its turn, which is not copied.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = messages, check_for_backend(Pg, Sqlite), treat_none_as_default_value = false)]
pub(crate) struct MessageCopy {
    pub(crate) id: IdParam,
    pub(crate) session_id: IdParam,
    role: String,
    seq: i64,
    status: String,
    content: String,
    parts: String,
    reasoning_details: Option<String>,
    meta: String,
    created_at: i64,
}

/// An attachment without the time of its deletion: deleted ones are not copied.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = message_attachments, check_for_backend(Pg, Sqlite))]
pub(crate) struct AttachmentCopy {
    pub(crate) id: IdParam,
    pub(crate) message_id: IdParam,
    filename: String,
    mime_type: String,
    size: i64,
    storage_provider: String,
    storage_key: String,
    meta: String,
    uploaded_at: i64,
}
