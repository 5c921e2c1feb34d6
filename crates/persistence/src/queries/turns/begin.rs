//! Beginning a turn: one transaction, which starts with a write.

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
use crate::error::{QueryError, TransactionError, corrupt, unavailable};
use crate::input::KeyLookup;
use crate::rows::{
    MessageRow, SessionRow, TurnRow, checked_text, meta_text, micros, object_text, parts_text, text_parts,
};
use crate::schema::{message_attachments, messages, sessions, turns};
use crate::types::{IdParam, id_param};

type Refusal = TransactionError<BeginTurnError>;

/// How often the session is tried while concurrent changes make the update and the read contradict each other.
const TRIES: u32 = 3;

pub(crate) async fn begin(conn: &mut Conn, begin: &BeginTurn) -> Result<BegunTurn, Refusal> {
    let session = match take_session(conn, begin).await {
        Err(TransactionError::Refused(BeginTurnError::InProgress(running))) if running == begin.turn_id => {
            return Ok(begun_before(conn, begin).await?);
        }
        taken => taken?,
    };
    // The session's row is locked: no other transaction can use the key or begin a turn until this one ends.
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

/// The result of an earlier try of this call whose response was lost. Its turn still runs, so the session has not
/// changed since.
async fn begun_before(conn: &mut Conn, begin: &BeginTurn) -> Result<BegunTurn, QueryError> {
    let session: SessionRow = sessions::table
        .filter(sessions::id.eq(id_param(begin.session_id)))
        .select(SessionRow::as_select())
        .first(conn)
        .await?;
    let turn = read::plain(conn, begin.turn_id).await?;
    let turn = turn.ok_or_else(|| corrupt(format!("running turn {} is missing", begin.turn_id)))?;
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

async fn message(conn: &mut Conn, id: MessageId) -> Result<Message, QueryError> {
    let row: MessageRow = messages::table
        .filter(messages::id.eq(id_param(id)))
        .select(MessageRow::as_select())
        .first(conn)
        .await?;
    Ok(row.try_into()?)
}

/// Raises the session's sequence number and takes its lease, or returns the reason of the refusal.
async fn take_session(conn: &mut Conn, begin: &BeginTurn) -> Result<Session, Refusal> {
    for _ in 0..TRIES {
        if let Some(row) = try_take(conn, begin).await? {
            return Ok(row.try_into()?);
        }
        if let Some(refusal) = why_refused(conn, begin).await? {
            return Err(TransactionError::Refused(refusal));
        }
    }
    Err(unavailable("the session changes concurrently").into())
}

async fn try_take(conn: &mut Conn, begin: &BeginTurn) -> Result<Option<SessionRow>, QueryError> {
    let title = begin.title.as_deref().map(|title| checked_text("sessions.title", title)).transpose()?;
    let last_next_seq = begin.max_messages.map_or(i64::MAX, |most| i64::from(most) - 1);
    let taken = diesel::update(sessions::table)
        .filter(sessions::id.eq(id_param(begin.session_id)))
        .filter(sessions::user_id.eq(id_param(begin.user_id)))
        .filter(sessions::deleted_at.is_null())
        .filter(sessions::state.eq(SessionState::Active.as_str()))
        .filter(sessions::active_turn_id.is_null().or(sessions::lease_until.le(sql_literals::Now)))
        .filter(sessions::next_seq.le(last_next_seq))
        .set((
            sessions::next_seq.eq(sessions::next_seq + 2),
            sessions::active_turn_id.eq(id_param(begin.turn_id)),
            sessions::lease_until.eq(sql_literals::after_micros(micros(begin.lease))),
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

/// The reason of a refusal, in the order of the checks; `None` if the session can be taken now.
async fn why_refused(conn: &mut Conn, begin: &BeginTurn) -> Result<Option<BeginTurnError>, QueryError> {
    let found: Option<(SessionRow, Option<bool>)> = sessions::table
        .filter(sessions::id.eq(id_param(begin.session_id)))
        .filter(sessions::user_id.eq(id_param(begin.user_id)))
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

/// Refuses an idempotency key that is still kept, and clears an older use of it.
async fn refuse_used_key(conn: &mut Conn, begin: &BeginTurn) -> Result<(), Refusal> {
    let Some(named) = &begin.key else { return Ok(()) };
    if let Some(used) = key_use(conn, begin).await? {
        return Err(TransactionError::Refused(used));
    }
    diesel::update(turns::table)
        .filter(turns::session_id.eq(id_param(begin.session_id)))
        .filter(turns::idempotency_key.eq(&named.key))
        .set((turns::idempotency_key.eq(None::<String>), turns::body_hash.eq(None::<String>)))
        .execute(conn)
        .await?;
    Ok(())
}

async fn key_use(conn: &mut Conn, begin: &BeginTurn) -> Result<Option<BeginTurnError>, QueryError> {
    let Some(named) = &begin.key else { return Ok(None) };
    let (session_id, key, since) = (begin.session_id, named.key.clone(), begin.keys_kept_since);
    let used = read::by_key(conn, &KeyLookup { session_id, key, since }).await?;
    Ok(used.map(|turn| BeginTurnError::KeyUsed(Box::new(turn))))
}

async fn insert_turn(conn: &mut Conn, begin: &BeginTurn, assistant_seq: i64) -> Result<Turn, QueryError> {
    let row: TurnRow = diesel::insert_into(turns::table)
        .values((
            turns::id.eq(id_param(begin.turn_id)),
            turns::session_id.eq(id_param(begin.session_id)),
            turns::user_message_id.eq(id_param(begin.user_message_id)),
            turns::assistant_message_id.eq(id_param(begin.assistant_message_id)),
            turns::assistant_seq.eq(assistant_seq),
            turns::status.eq(TurnStatus::Running.as_str()),
            turns::owner.eq(id_param(begin.owner)),
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

/// The columns in which the two messages of a turn differ.
struct NewMessage<'a> {
    id: IdParam,
    role: MessageRole,
    seq: i64,
    status: MessageStatus,
    content: &'a str,
    meta: String,
}

impl<'a> NewMessage<'a> {
    fn question(begin: &'a BeginTurn, seq: i64) -> Self {
        NewMessage {
            id: id_param(begin.user_message_id),
            role: MessageRole::User,
            seq,
            status: MessageStatus::Completed,
            content: &begin.content,
            meta: meta_text(&begin.meta),
        }
    }

    fn placeholder(begin: &BeginTurn, seq: i64) -> Self {
        NewMessage {
            id: id_param(begin.assistant_message_id),
            role: MessageRole::Assistant,
            seq,
            status: MessageStatus::Pending,
            content: "",
            meta: meta_text(&MessageMeta::default()),
        }
    }
}

async fn insert_message(
    conn: &mut Conn,
    begin: &BeginTurn,
    new: NewMessage<'_>,
) -> Result<Message, QueryError> {
    let row: MessageRow = diesel::insert_into(messages::table)
        .values((
            messages::id.eq(new.id),
            messages::session_id.eq(id_param(begin.session_id)),
            messages::turn_id.eq(id_param(begin.turn_id)),
            messages::role.eq(new.role.as_str()),
            messages::seq.eq(new.seq),
            messages::status.eq(new.status.as_str()),
            messages::content.eq(checked_text("messages.content", new.content)?),
            messages::parts.eq(parts_text(&text_parts(new.content))?),
            messages::meta.eq(new.meta),
            messages::created_at.eq(begin.now.as_micros()),
        ))
        .returning(MessageRow::as_returning())
        .get_result(conn)
        .await?;
    Ok(row.try_into()?)
}

async fn insert_attachment(
    conn: &mut Conn,
    begin: &BeginTurn,
    new: &NewAttachment,
) -> Result<(), QueryError> {
    diesel::insert_into(message_attachments::table)
        .values((
            message_attachments::id.eq(id_param(new.id)),
            message_attachments::message_id.eq(id_param(begin.user_message_id)),
            message_attachments::filename.eq(checked_text("message_attachments.filename", &new.filename)?),
            message_attachments::mime_type.eq(checked_text("message_attachments.mime_type", &new.mime_type)?),
            message_attachments::size.eq(new.size),
            message_attachments::storage_provider.eq(new.storage_provider.as_str()),
            message_attachments::storage_key
                .eq(checked_text("message_attachments.storage_key", &new.storage_key)?),
            message_attachments::meta.eq(object_text(&new.meta)?),
            message_attachments::uploaded_at.eq(begin.now.as_micros()),
        ))
        .execute(conn)
        .await?;
    Ok(())
}
