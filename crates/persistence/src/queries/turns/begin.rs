//! Beginning a turn: one transaction that writes first.

use causerie_domain::MessageId;
use causerie_domain::messages::{Message, MessageMeta, MessageRole, MessageStatus};
use causerie_domain::ports::{BeginTurn, BeginTurnError, BegunTurn, NewAttachment};
use causerie_domain::sessions::{Session, SessionState};
use causerie_domain::turns::{Turn, TurnStatus};
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel_async::RunQueryDsl;

use super::super::{Conn, budgets, messages as message_queries, sql_literals, usage};
use super::{lease, read, reap};
use crate::error::{Abort, Fault, corrupt, unavailable};
use crate::input::Named;
use crate::rows::{
    MessageRow, SessionRow, TurnRow, meta_text, micros, object_text, parts_text, text, text_parts,
};
use crate::schema::{message_attachments, messages, sessions, turns};
use crate::types::{Key, key};

type Refusal = Abort<BeginTurnError>;

/// How often the session is asked for whose refusal and whose state contradict each other, because others change it.
const TRIES: u32 = 3;

pub(crate) async fn begin(conn: &mut Conn, begin: &BeginTurn) -> Result<BegunTurn, Refusal> {
    let session = match take_session(conn, begin).await {
        Err(Abort::Refused(BeginTurnError::InProgress(running))) if running == begin.turn_id => {
            return Ok(begun_before(conn, begin).await?);
        }
        taken => taken?,
    };
    // The session is ours now: nobody else can use the key or begin a turn before we are done.
    refuse_used_key(conn, begin).await?;
    reap::close_running(conn, session.id, begin.now).await?;
    let user_seq = session.next_seq - 2;
    let turn = insert_turn(conn, begin, user_seq + 1).await?;
    let user_message = insert_message(conn, begin, NewMessage::question(begin, user_seq)).await?;
    let assistant_message = insert_message(conn, begin, NewMessage::placeholder(begin, user_seq + 1)).await?;
    for attachment in &begin.attachments {
        insert_attachment(conn, begin, attachment).await?;
    }
    usage::open(conn, &begin.usage).await?;
    let history = message_queries::history(conn, begin.session_id, user_seq, begin.history).await?;
    let needed = begin.ceiling.and_then(|ceiling| ceiling.with_history(&history));
    let budget_left = budgets::reserve(conn, &begin.usage, needed).await?;
    Ok(BegunTurn { session, user_message, assistant_message, turn, history, budget_left })
}

/// What this very step did before: its answer was lost, and the caller tries again. Its turn runs, so nothing else
/// has happened in the session since.
async fn begun_before(conn: &mut Conn, begin: &BeginTurn) -> Result<BegunTurn, Fault> {
    let session: SessionRow = sessions::table
        .filter(sessions::id.eq(key(begin.session_id)))
        .select(SessionRow::as_select())
        .first(conn)
        .await?;
    let turn = read::plain(conn, begin.turn_id).await?;
    let turn = turn.ok_or_else(|| corrupt(format!("the running turn {} is missing", begin.turn_id)))?;
    let user_seq = turn.assistant_seq - 1;
    let history = message_queries::history(conn, begin.session_id, user_seq, begin.history).await?;
    Ok(BegunTurn {
        session: session.try_into()?,
        user_message: message(conn, begin.user_message_id).await?,
        assistant_message: message(conn, begin.assistant_message_id).await?,
        turn,
        history,
        budget_left: budgets::left(conn, &begin.usage).await?,
    })
}

async fn message(conn: &mut Conn, id: MessageId) -> Result<Message, Fault> {
    let row: MessageRow =
        messages::table.filter(messages::id.eq(key(id))).select(MessageRow::as_select()).first(conn).await?;
    Ok(row.try_into()?)
}

/// Raises the session's sequence and takes its lease, or says why that is refused.
async fn take_session(conn: &mut Conn, begin: &BeginTurn) -> Result<Session, Refusal> {
    for _ in 0..TRIES {
        if let Some(row) = try_take(conn, begin).await? {
            return Ok(row.try_into()?);
        }
        if let Some(refusal) = why_refused(conn, begin).await? {
            return Err(Abort::Refused(refusal));
        }
    }
    Err(unavailable("the session changes all the time").into())
}

async fn try_take(conn: &mut Conn, begin: &BeginTurn) -> Result<Option<SessionRow>, Fault> {
    let title = begin.title.as_deref().map(|title| text("sessions.title", title)).transpose()?;
    let last_next_seq = begin.max_messages.map_or(i64::MAX, |most| i64::from(most) - 1);
    let taken = diesel::update(sessions::table)
        .filter(sessions::id.eq(key(begin.session_id)))
        .filter(sessions::user_id.eq(key(begin.user_id)))
        .filter(sessions::deleted_at.is_null())
        .filter(sessions::state.eq(SessionState::Active.as_str()))
        .filter(sessions::active_turn_id.is_null().or(sessions::lease_until.le(sql_literals::Now)))
        .filter(sessions::next_seq.le(last_next_seq))
        .set((
            sessions::next_seq.eq(sessions::next_seq + 2),
            sessions::active_turn_id.eq(key(begin.turn_id)),
            sessions::lease_until.eq(sql_literals::in_micros(micros(begin.lease))),
            sessions::last_activity_at.eq(lease::no_earlier_than(begin.now.as_micros())),
            sessions::title.eq(case_when(sessions::title.is_null(), title.into_sql::<Nullable<Text>>())
                .otherwise(sessions::title)),
        ))
        .returning(SessionRow::as_returning())
        .get_result(conn)
        .await
        .optional()?;
    Ok(taken)
}

/// The reason in the order of the checks; none if the session could be taken by now.
async fn why_refused(conn: &mut Conn, begin: &BeginTurn) -> Result<Option<BeginTurnError>, Fault> {
    let found: Option<(SessionRow, Option<bool>)> = sessions::table
        .filter(sessions::id.eq(key(begin.session_id)))
        .filter(sessions::user_id.eq(key(begin.user_id)))
        .filter(sessions::deleted_at.is_null())
        .select((SessionRow::as_select(), sessions::lease_until.gt(sql_literals::Now)))
        .first(conn)
        .await
        .optional()?;
    let Some((row, held)) = found else { return Ok(Some(BeginTurnError::NotFound)) };
    let session = Session::try_from(row)?;
    if session.active_turn_id == Some(begin.turn_id) && held == Some(true) {
        return Ok(Some(BeginTurnError::InProgress(begin.turn_id)));
    }
    if let Some(used) = key_use(conn, begin).await? {
        return Ok(Some(used));
    }
    if session.state != SessionState::Active {
        return Ok(Some(BeginTurnError::NotActive(session.state)));
    }
    if let (Some(running), Some(true)) = (session.active_turn_id, held) {
        return Ok(Some(BeginTurnError::InProgress(running)));
    }
    let full = begin.max_messages.filter(|most| session.next_seq + 1 > i64::from(*most));
    Ok(full.map(BeginTurnError::Full))
}

/// Refuses a key that was used lately, and clears one that was used long ago.
async fn refuse_used_key(conn: &mut Conn, begin: &BeginTurn) -> Result<(), Refusal> {
    let Some(named) = &begin.key else { return Ok(()) };
    if let Some(used) = key_use(conn, begin).await? {
        return Err(Abort::Refused(used));
    }
    diesel::update(turns::table)
        .filter(turns::session_id.eq(key(begin.session_id)))
        .filter(turns::idempotency_key.eq(&named.key))
        .set((turns::idempotency_key.eq(None::<String>), turns::body_hash.eq(None::<String>)))
        .execute(conn)
        .await?;
    Ok(())
}

async fn key_use(conn: &mut Conn, begin: &BeginTurn) -> Result<Option<BeginTurnError>, Fault> {
    let Some(named) = &begin.key else { return Ok(None) };
    let (session_id, key, since) = (begin.session_id, named.key.clone(), begin.keys_kept_since);
    let used = read::by_key(conn, &Named { session_id, key, since }).await?;
    Ok(used.map(|turn| BeginTurnError::KeyUsed(Box::new(turn))))
}

async fn insert_turn(conn: &mut Conn, begin: &BeginTurn, assistant_seq: i64) -> Result<Turn, Fault> {
    let row: TurnRow = diesel::insert_into(turns::table)
        .values((
            turns::id.eq(key(begin.turn_id)),
            turns::session_id.eq(key(begin.session_id)),
            turns::user_message_id.eq(key(begin.user_message_id)),
            turns::assistant_message_id.eq(key(begin.assistant_message_id)),
            turns::assistant_seq.eq(assistant_seq),
            turns::status.eq(TurnStatus::Running.as_str()),
            turns::owner.eq(key(begin.owner)),
            turns::model.eq(&begin.model),
            turns::cancel_requested.eq(false),
            turns::idempotency_key.eq(begin.key.as_ref().map(|named| &named.key)),
            turns::body_hash.eq(begin.key.as_ref().map(|named| &named.body_hash)),
            turns::started_at.eq(begin.now.as_micros()),
        ))
        .returning(TurnRow::as_returning())
        .get_result(conn)
        .await?;
    Ok(row.try_into()?)
}

/// What the two messages of a turn differ in.
struct NewMessage<'a> {
    id: Key,
    role: MessageRole,
    seq: i64,
    status: MessageStatus,
    content: &'a str,
    meta: String,
}

impl<'a> NewMessage<'a> {
    fn question(begin: &'a BeginTurn, seq: i64) -> Self {
        NewMessage {
            id: key(begin.user_message_id),
            role: MessageRole::User,
            seq,
            status: MessageStatus::Completed,
            content: &begin.content,
            meta: meta_text(&begin.meta),
        }
    }

    fn placeholder(begin: &BeginTurn, seq: i64) -> Self {
        NewMessage {
            id: key(begin.assistant_message_id),
            role: MessageRole::Assistant,
            seq,
            status: MessageStatus::Pending,
            content: "",
            meta: meta_text(&MessageMeta::default()),
        }
    }
}

async fn insert_message(conn: &mut Conn, begin: &BeginTurn, new: NewMessage<'_>) -> Result<Message, Fault> {
    let row: MessageRow = diesel::insert_into(messages::table)
        .values((
            messages::id.eq(new.id),
            messages::session_id.eq(key(begin.session_id)),
            messages::turn_id.eq(key(begin.turn_id)),
            messages::role.eq(new.role.as_str()),
            messages::seq.eq(new.seq),
            messages::status.eq(new.status.as_str()),
            messages::content.eq(text("messages.content", new.content)?),
            messages::parts.eq(parts_text(&text_parts(new.content))?),
            messages::meta.eq(new.meta),
            messages::created_at.eq(begin.now.as_micros()),
        ))
        .returning(MessageRow::as_returning())
        .get_result(conn)
        .await?;
    Ok(row.try_into()?)
}

async fn insert_attachment(conn: &mut Conn, begin: &BeginTurn, new: &NewAttachment) -> Result<(), Fault> {
    diesel::insert_into(message_attachments::table)
        .values((
            message_attachments::id.eq(key(new.id)),
            message_attachments::message_id.eq(key(begin.user_message_id)),
            message_attachments::filename.eq(text("message_attachments.filename", &new.filename)?),
            message_attachments::mime_type.eq(text("message_attachments.mime_type", &new.mime_type)?),
            message_attachments::size.eq(new.size),
            message_attachments::storage_provider.eq(new.storage_provider.as_str()),
            message_attachments::storage_key.eq(text("message_attachments.storage_key", &new.storage_key)?),
            message_attachments::meta.eq(object_text(&new.meta)?),
            message_attachments::uploaded_at.eq(begin.now.as_micros()),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
