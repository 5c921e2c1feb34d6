//! Bulk inserts: one statement per row. A statement is a call within the process and is prepared only once.

use diesel::result::QueryResult;

use super::Conn;
use super::queries::RunQueryDsl;
use crate::rows::{AttachmentRow, MessageRow};
use crate::schema::{message_attachments, messages};

/// Inserts copied messages.
pub(crate) async fn insert_messages(conn: &mut Conn, copies: Vec<MessageRow>) -> QueryResult<()> {
    for copy in copies {
        diesel::insert_into(messages::table).values(copy).execute(conn).await?;
    }
    Ok(())
}

/// Inserts copied attachments.
pub(crate) async fn insert_attachments(conn: &mut Conn, copies: Vec<AttachmentRow>) -> QueryResult<()> {
    for copy in copies {
        diesel::insert_into(message_attachments::table).values(copy).execute(conn).await?;
    }
    Ok(())
}
