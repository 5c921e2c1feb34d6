//! Rows of messages and attachments on their way from one session to another. Nobody looks into their texts.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use crate::schema::{message_attachments, messages};
use crate::types::Key;

/// A message without its turn, which stays where it was.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = messages, check_for_backend(Pg, Sqlite), treat_none_as_default_value = false)]
pub(crate) struct MessageCopy {
    pub(crate) id: Key,
    pub(crate) session_id: Key,
    role: String,
    seq: i64,
    status: String,
    content: String,
    parts: String,
    reasoning_details: Option<String>,
    meta: String,
    created_at: i64,
}

/// An attachment that is not deleted.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = message_attachments, check_for_backend(Pg, Sqlite))]
pub(crate) struct AttachmentCopy {
    pub(crate) id: Key,
    pub(crate) message_id: Key,
    filename: String,
    mime_type: String,
    size: i64,
    storage_provider: String,
    storage_key: String,
    meta: String,
    uploaded_at: i64,
}
