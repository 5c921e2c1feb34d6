//! Forking sessions, and reading where they come from.
//!
//! A message of a closed turn never changes, so the parent need not be locked while it is copied: its own turn goes on
//! meanwhile. It is locked only at the end, for the moment in which the fork is named its child.

use std::collections::HashMap;

use causerie_domain::messages::{MessageRole, MessageStatus};
use causerie_domain::ports::{ForkError, Lineage, NewFork};
use causerie_domain::sessions::{Session, SessionState};
use causerie_domain::{AttachmentId, MessageId, SessionId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, bulk, sessions as session_queries};
use crate::error::{Abort, Fault};
use crate::rows::{AttachmentCopy, MessageCopy, SessionRow, text};
use crate::schema::{message_attachments, messages, sessions};
use crate::types::{Key, key};

/// Messages that are read and written at once: their values stay below what a statement of either database takes.
const BATCH: usize = 500;

pub(crate) async fn fork(conn: &mut Conn, new: &NewFork) -> Result<Session, Abort<ForkError>> {
    let found = session_queries::by_id(conn, &(new.parent, new.allowed.clone())).await?;
    let parent = found.ok_or(Abort::Refused(ForkError::NotFound))?;
    let count = parent.next_seq - 1;
    if !(1..=count).contains(&new.from_seq) {
        return Err(Abort::Refused(ForkError::NoSuchMessage(count)));
    }
    let last = last_finished(conn, new).await?;
    insert_session(conn, new, &parent, last).await?;
    let mut copied = 0;
    while copied < last {
        let next = (copied + BATCH as i64).min(last);
        copy_messages(conn, new, copied, next).await?;
        copied = next;
    }
    Ok(adopt(conn, new).await?)
}

/// The sequence number of the last answer that is finished, at or before the one asked for; 0 if there is none.
async fn last_finished(conn: &mut Conn, new: &NewFork) -> Result<i64, Fault> {
    let last: Option<i64> = messages::table
        .filter(messages::session_id.eq(key(new.parent)))
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

async fn insert_session(conn: &mut Conn, new: &NewFork, parent: &Session, last: i64) -> Result<(), Fault> {
    let title = new.title.as_deref().or(parent.title.as_deref());
    let title = title.map(|title| text("sessions.title", title)).transpose()?;
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(key(new.id)),
            sessions::tool_id.eq(key(parent.tool_id)),
            sessions::tool_version_id.eq(key(parent.tool_version_id)),
            sessions::user_id.eq(key(new.user_id)),
            sessions::group_id.eq(parent.group_id.map(key)),
            sessions::state.eq(SessionState::Active.as_str()),
            sessions::title.eq(title),
            sessions::next_seq.eq(last + 1),
            sessions::fork_from_seq.eq(new.from_seq),
            sessions::started_at.eq(new.now.as_micros()),
            sessions::last_activity_at.eq(new.now.as_micros()),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Copies the messages after one number up to another, and their attachments.
async fn copy_messages(conn: &mut Conn, new: &NewFork, after: i64, last: i64) -> Result<(), Fault> {
    let mut copies: Vec<MessageCopy> = messages::table
        .filter(messages::session_id.eq(key(new.parent)))
        .filter(messages::seq.gt(after))
        .filter(messages::seq.le(last))
        .order(messages::seq)
        .select(MessageCopy::as_select())
        .load(conn)
        .await?;
    let mut renamed: HashMap<Key, Key> = HashMap::with_capacity(copies.len());
    for copy in &mut copies {
        let id = key(MessageId::next(new.ids.as_ref()));
        renamed.insert(std::mem::replace(&mut copy.id, id), id);
        copy.session_id = key(new.id);
    }
    bulk::insert_messages(conn, copies).await?;
    copy_attachments(conn, new, &renamed).await
}

async fn copy_attachments(conn: &mut Conn, new: &NewFork, renamed: &HashMap<Key, Key>) -> Result<(), Fault> {
    let mut copies: Vec<AttachmentCopy> = message_attachments::table
        .filter(message_attachments::message_id.eq_any(renamed.keys().copied().collect::<Vec<_>>()))
        .filter(message_attachments::deleted_at.is_null())
        .order(message_attachments::id)
        .select(AttachmentCopy::as_select())
        .load(conn)
        .await?;
    for copy in &mut copies {
        copy.id = key(AttachmentId::next(new.ids.as_ref()));
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

/// Names the parent, unless it was deleted meanwhile: one that is deleted from now on sees its child.
async fn adopt(conn: &mut Conn, new: &NewFork) -> Result<Session, Fault> {
    let is_there = diesel::update(sessions::table)
        .filter(sessions::id.eq(key(new.parent)))
        .filter(sessions::deleted_at.is_null())
        .set(sessions::next_seq.eq(sessions::next_seq))
        .execute(conn)
        .await?;
    let parent = (is_there == 1).then(|| key(new.parent));
    let row: SessionRow = diesel::update(sessions::table.filter(sessions::id.eq(key(new.id))))
        .set(sessions::parent_session_id.eq(parent))
        .returning(SessionRow::as_returning())
        .get_result(conn)
        .await?;
    Ok(row.try_into()?)
}

/// Up the tree, a row at a time: a page has a hundred at most, and hardly any fork has three.
pub(crate) async fn lineage(conn: &mut Conn, lineage: &Lineage) -> Result<Vec<Session>, Fault> {
    let parent: Option<Option<SessionId>> = sessions::table
        .filter(sessions::id.eq(key(lineage.of)))
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
