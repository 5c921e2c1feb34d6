//! Listing and deleting attachments.

use std::collections::HashMap;

use causerie_domain::attachments::Attachment;
use causerie_domain::page::{After, Page};
use causerie_domain::ports::{AttachmentCursor, AttachmentQuery, SessionError};
use causerie_domain::sessions::Session;
use causerie_domain::{AttachmentId, Filter, MessageId, SessionId};
use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::sizes::{self, PageLength};
use super::{Conn, RunQueryDsl, filters, sessions as session_queries};
use crate::error::{QueryError, TransactionError};
use crate::input::DeleteAttachment;
use crate::rows::AttachmentRow;
use crate::schema::{message_attachments, messages, sessions};
use crate::types::id_param;

/// Reads a page of a session's attachments, in the order of their messages. Only messages with attachments are read, so
/// no more rows are read than returned.
pub(crate) async fn page(
    conn: &mut Conn,
    list: &AttachmentQuery,
) -> Result<Page<Attachment, AttachmentCursor>, QueryError> {
    let limit = list.page.limit;
    let mut query = messages::table
        .inner_join(sessions::table)
        .filter(messages::session_id.eq(id_param(list.session_id)))
        .filter(sessions::deleted_at.is_null())
        .filter(filters::on_messages(&list.visible)?)
        .filter(exists(
            message_attachments::table
                .filter(message_attachments::message_id.eq(messages::id))
                .filter(message_attachments::deleted_at.is_null()),
        ))
        .order(messages::seq)
        // All attachments of the first message may be on the previous page, and the last message shows whether there
        // is a further page.
        .limit(i64::from(limit) + 2)
        .select((messages::id, messages::seq))
        .into_boxed();
    let after = list.page.after.as_ref().map(|After(last)| (last.seq, last.id));
    if let Some((seq, _)) = after {
        query = query.filter(messages::seq.ge(seq));
    }
    let seqs: HashMap<MessageId, i64> = query.load::<(MessageId, i64)>(conn).await?.into_iter().collect();
    let found: Vec<(AttachmentId, MessageId, i64)> = message_attachments::table
        .filter(message_attachments::message_id.eq_any(seqs.keys().copied().map(id_param)))
        .filter(message_attachments::deleted_at.is_null())
        .select((message_attachments::id, message_attachments::message_id, sql::<BigInt>(sizes::ATTACHMENT)))
        .load(conn)
        .await?;
    let seq_of = |message: &MessageId| seqs.get(message).copied().unwrap_or(0);
    let mut found: Vec<_> =
        found.into_iter().map(|(id, message, size)| ((seq_of(&message), id), size)).collect();
    found.retain(|(place, _)| after.is_none_or(|after| *place > after));
    found.sort_unstable();
    let sizes: Vec<i64> = found.iter().map(|(_, size)| *size).collect();
    let length = PageLength::of(&sizes, limit);
    found.truncate(usize::try_from(length.rows).unwrap_or(usize::MAX));
    let next = length.next(&found, |((seq, id), _)| AttachmentCursor { seq: *seq, id: *id });
    let rows: Vec<AttachmentRow> = message_attachments::table
        .filter(message_attachments::id.eq_any(found.iter().map(|((_, id), _)| id_param(*id))))
        .select(AttachmentRow::as_select())
        .load(conn)
        .await?;
    let mut rows: Vec<Attachment> = rows.into_iter().map(Attachment::try_from).collect::<Result<_, _>>()?;
    rows.sort_by_key(|row| (seq_of(&row.message_id), row.id));
    Ok(Page { rows, next })
}

pub(crate) async fn session(
    conn: &mut Conn,
    (id, visible): &(AttachmentId, Filter),
) -> Result<Option<Session>, QueryError> {
    let session: Option<SessionId> = message_attachments::table
        .inner_join(messages::table)
        .filter(message_attachments::id.eq(id_param(*id)))
        .filter(message_attachments::deleted_at.is_null())
        .select(messages::session_id)
        .first(conn)
        .await
        .optional()?;
    match session {
        Some(session) => session_queries::by_id(conn, &(session, visible.clone())).await,
        None => Ok(None),
    }
}

pub(crate) async fn delete(
    conn: &mut Conn,
    delete: &DeleteAttachment,
) -> Result<(), TransactionError<SessionError>> {
    if session(conn, &(delete.id, delete.allowed.clone())).await?.is_none() {
        return Err(TransactionError::Refused(SessionError::NotFound));
    }
    let deleted = diesel::update(message_attachments::table)
        .filter(message_attachments::id.eq(id_param(delete.id)))
        .filter(message_attachments::deleted_at.is_null())
        .set(message_attachments::deleted_at.eq(delete.now.as_micros()))
        .execute(conn)
        .await?;
    match deleted {
        0 => Err(TransactionError::Refused(SessionError::NotFound)),
        _ => Ok(()),
    }
}
