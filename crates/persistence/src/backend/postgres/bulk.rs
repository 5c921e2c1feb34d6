//! Bulk inserts: all rows in one statement, which saves a round trip per row.

use diesel::result::QueryResult;

use super::Conn;
use super::queries::RunQueryDsl;
use crate::rows::{AttachmentRow, MessageRow};
use crate::schema::{message_attachments, messages};

/// Inserts copied messages.
pub(crate) async fn insert_messages(conn: &mut Conn, copies: Vec<MessageRow>) -> QueryResult<()> {
    diesel::insert_into(messages::table).values(copies).execute(conn).await?;
    Ok(())
}

/// Inserts copied attachments.
pub(crate) async fn insert_attachments(conn: &mut Conn, copies: Vec<AttachmentRow>) -> QueryResult<()> {
    diesel::insert_into(message_attachments::table).values(copies).execute(conn).await?;
    Ok(())
}
