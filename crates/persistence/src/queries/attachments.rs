//! Attachments on their own: listed, and marked as deleted.

use std::collections::HashMap;

use causerie_domain::attachments::Attachment;
use causerie_domain::page::{After, Page};
use causerie_domain::ports::{AttachmentCursor, AttachmentQuery, SessionError};
use causerie_domain::sessions::Session;
use causerie_domain::{AttachmentId, Filter, MessageId, SessionId};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, filters, sessions as session_queries};
use crate::error::{Abort, Fault};
use crate::input::DeleteAttachment;
use crate::rows::AttachmentRow;
use crate::schema::{message_attachments, messages, sessions};
use crate::types::key;

/// Follows the messages that have attachments in their order, so that what is read is what is shown.
pub(crate) async fn page(
    conn: &mut Conn,
    list: &AttachmentQuery,
) -> Result<Page<Attachment, AttachmentCursor>, Fault> {
    let limit = list.page.limit;
    let mut query = messages::table
        .inner_join(sessions::table)
        .filter(messages::session_id.eq(key(list.session_id)))
        .filter(sessions::deleted_at.is_null())
        .filter(filters::on_messages(&list.visible)?)
        .filter(exists(
            message_attachments::table
                .filter(message_attachments::message_id.eq(messages::id))
                .filter(message_attachments::deleted_at.is_null()),
        ))
        .order(messages::seq)
        // The first message may have been shown whole, and the last tells whether there is a further page.
        .limit(i64::from(limit) + 2)
        .select((messages::id, messages::seq))
        .into_boxed();
    let after = list.page.after.as_ref().map(|After(last)| (last.seq, last.id));
    if let Some((seq, _)) = after {
        query = query.filter(messages::seq.ge(seq));
    }
    let seqs: HashMap<MessageId, i64> = query.load::<(MessageId, i64)>(conn).await?.into_iter().collect();
    let rows: Vec<AttachmentRow> = message_attachments::table
        .filter(message_attachments::message_id.eq_any(seqs.keys().copied().map(key)))
        .filter(message_attachments::deleted_at.is_null())
        .select(AttachmentRow::as_select())
        .load(conn)
        .await?;
    let mut rows: Vec<Attachment> = rows.into_iter().map(Attachment::try_from).collect::<Result<_, _>>()?;
    let place = |row: &Attachment| (seqs.get(&row.message_id).copied().unwrap_or(0), row.id);
    rows.sort_by_key(place);
    rows.retain(|row| after.is_none_or(|after| place(row) > after));
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(place).map(|(seq, id)| AttachmentCursor { seq, id });
    Ok(Page { rows, next })
}

pub(crate) async fn session(
    conn: &mut Conn,
    (id, visible): &(AttachmentId, Filter),
) -> Result<Option<Session>, Fault> {
    let session: Option<SessionId> = message_attachments::table
        .inner_join(messages::table)
        .filter(message_attachments::id.eq(key(*id)))
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

pub(crate) async fn delete(conn: &mut Conn, delete: &DeleteAttachment) -> Result<(), Abort<SessionError>> {
    if session(conn, &(delete.id, delete.allowed.clone())).await?.is_none() {
        return Err(Abort::Refused(SessionError::NotFound));
    }
    let deleted = diesel::update(message_attachments::table)
        .filter(message_attachments::id.eq(key(delete.id)))
        .filter(message_attachments::deleted_at.is_null())
        .set(message_attachments::deleted_at.eq(delete.now.as_micros()))
        .execute(conn)
        .await?;
    match deleted {
        0 => Err(Abort::Refused(SessionError::NotFound)),
        _ => Ok(()),
    }
}
