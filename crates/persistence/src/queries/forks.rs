//! Forking sessions, and reading their lineage.
//!
//! Of a message of a closed turn only the marks change, so the parent is not locked while its messages are copied, and
//! a running turn of the parent continues. The parent is locked only at the end, when the fork is linked to it.

use std::collections::HashMap;
use std::ops::Range;

use causerie_domain::messages::{MessageRole, MessageStatus};
use causerie_domain::ports::{ForkError, Forked, Lineage, NewFork};
use causerie_domain::sessions::Session;
use causerie_domain::{AttachmentId, MessageId, SessionId};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::sizes::{self, PageLength};
use super::{Conn, RunQueryDsl, bulk, sessions as session_queries};
use crate::error::{QueryError, TransactionError};
use crate::rows::{AttachmentRow, MessageRow, SessionRow};
use crate::schema::{message_attachments, messages, sessions};
use crate::types::{IdParam, id_param};

/// Messages per statement. Their bind parameters stay below the limits of both databases.
const BATCH: usize = 500;

pub(crate) async fn fork(conn: &mut Conn, new: &NewFork) -> Result<Forked, TransactionError<ForkError>> {
    let found = session_queries::by_id(conn, &(new.parent, new.allowed.clone())).await?;
    let parent = found.ok_or(TransactionError::Refused(ForkError::NotFound))?;
    let count = parent.next_seq - 1;
    if !(1..=count).contains(&new.from_seq) {
        return Err(TransactionError::Refused(ForkError::NoSuchMessage(count)));
    }
    let last = last_finished(conn, new).await?;
    // The link to the parent is set at the end.
    let fork = Session { parent_session_id: None, ..new.session(&parent, last) };
    session_queries::insert(conn, fork).await?;
    let (mut copied, mut copied_bytes) = (0, 0);
    while copied < last {
        let next = end_of_batch(conn, new, copied, last).await?;
        copied_bytes += copy_messages(conn, new, copied..next, last).await?;
        copied = next;
    }
    Ok(Forked { session: link_to_parent(conn, new).await?, copied_bytes })
}

/// Returns the sequence number of the last finished answer at or before the requested one; 0 if there is none.
async fn last_finished(conn: &mut Conn, new: &NewFork) -> Result<i64, QueryError> {
    let last: Option<i64> = messages::table
        .filter(messages::session_id.eq(id_param(new.parent)))
        .filter(messages::seq.le(new.from_seq))
        .filter(messages::role.eq(MessageRole::Assistant.as_str()))
        .filter(messages::status.ne(MessageStatus::Pending.as_str()))
        .order(messages::seq.desc())
        .select(messages::seq)
        .first(conn)
        .await
        .optional()?;
    Ok(last.unwrap_or(0))
}

/// Returns the sequence number of the last message that is copied together with the first one after `after`: a batch is
/// no larger than a page. The numbers of a session have no gaps.
async fn end_of_batch(conn: &mut Conn, new: &NewFork, after: i64, last: i64) -> Result<i64, QueryError> {
    let most = last.min(after.saturating_add(BATCH as i64));
    let sizes: Vec<i64> = messages::table
        .filter(messages::session_id.eq(id_param(new.parent)))
        .filter(messages::seq.gt(after))
        .filter(messages::seq.le(most))
        .order(messages::seq)
        .select(sql::<BigInt>(sizes::MESSAGE))
        .load(conn)
        .await?;
    let length = PageLength::of(&sizes, u32::MAX);
    Ok(most.min(after + length.rows.max(1)))
}

/// Copies the messages whose sequence numbers are after the start of the range and at most its end, and their
/// attachments. Returns the size of the messages in bytes. An answer is superseded only by an answer up to `last`, the last
/// message of the fork.
async fn copy_messages(
    conn: &mut Conn,
    new: &NewFork,
    range: Range<i64>,
    last: i64,
) -> Result<u64, QueryError> {
    let mut copies: Vec<MessageRow> = messages::table
        .filter(messages::session_id.eq(id_param(new.parent)))
        .filter(messages::seq.gt(range.start))
        .filter(messages::seq.le(range.end))
        .order(messages::seq)
        .select(MessageRow::as_select())
        .load(conn)
        .await?;
    let mut renamed: HashMap<IdParam, IdParam> = HashMap::with_capacity(copies.len());
    for copy in &mut copies {
        let id = id_param(MessageId::next(new.ids.as_ref()));
        renamed.insert(std::mem::replace(&mut copy.id, id), id);
        copy.session_id = id_param(new.id);
        copy.turn_id = None;
        copy.superseded_by = copy.superseded_by.filter(|seq| *seq <= last);
    }
    let bytes = copies.iter().map(MessageRow::bytes).sum();
    bulk::insert_messages(conn, copies).await?;
    copy_attachments(conn, new, &renamed).await?;
    Ok(bytes)
}

async fn copy_attachments(
    conn: &mut Conn,
    new: &NewFork,
    renamed: &HashMap<IdParam, IdParam>,
) -> Result<(), QueryError> {
    let mut copies: Vec<AttachmentRow> = message_attachments::table
        .filter(message_attachments::message_id.eq_any(renamed.keys().copied().collect::<Vec<_>>()))
        .filter(message_attachments::deleted_at.is_null())
        .order(message_attachments::id)
        .select(AttachmentRow::as_select())
        .load(conn)
        .await?;
    for copy in &mut copies {
        copy.id = id_param(AttachmentId::next(new.ids.as_ref()));
        copy.message_id = renamed.get(&copy.message_id).copied().unwrap_or(copy.message_id);
    }
    let mut rest = copies;
    while !rest.is_empty() {
        let beyond = rest.split_off(rest.len().min(BATCH));
        bulk::insert_attachments(conn, rest).await?;
        rest = beyond;
    }
    Ok(())
}

/// Links the fork to its parent, unless the parent was deleted meanwhile. A later deletion finds the link.
async fn link_to_parent(conn: &mut Conn, new: &NewFork) -> Result<Session, QueryError> {
    let is_there = diesel::update(sessions::table)
        .filter(sessions::id.eq(id_param(new.parent)))
        .filter(sessions::deleted_at.is_null())
        .set(sessions::next_seq.eq(sessions::next_seq))
        .execute(conn)
        .await?;
    let parent = (is_there == 1).then(|| id_param(new.parent));
    let row: SessionRow = diesel::update(sessions::table.filter(sessions::id.eq(id_param(new.id))))
        .set(sessions::parent_session_id.eq(parent))
        .returning(SessionRow::as_returning())
        .get_result(conn)
        .await?;
    Ok(row.try_into()?)
}

/// Reads the ancestors of a session, one statement per ancestor: a page has at most a hundred, and few forks have more
/// than two.
pub(crate) async fn lineage(conn: &mut Conn, lineage: &Lineage) -> Result<Vec<Session>, QueryError> {
    let parent: Option<Option<SessionId>> = sessions::table
        .filter(sessions::id.eq(id_param(lineage.of)))
        .select(sessions::parent_session_id)
        .first(conn)
        .await
        .optional()?;
    let mut next = parent.flatten();
    let mut ancestors = Vec::new();
    while let Some(id) = next.filter(|_| ancestors.len() < lineage.limit as usize) {
        let Some(session) = session_queries::by_id(conn, &(id, lineage.visible.clone())).await? else {
            break;
        };
        next = session.parent_session_id;
        ancestors.push(session);
    }
    Ok(ancestors)
}
