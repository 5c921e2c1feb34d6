//! Beginning a turn: one transaction, which starts with a write.

use causerie_domain::attachments::Attachment;
use causerie_domain::messages::Message;
use causerie_domain::ports::{BeginTurn, BeginTurnError, BegunTurn, KeyedTurn};
use causerie_domain::sessions::{Session, SessionState};
use causerie_domain::turns::Turn;
use causerie_domain::users::UserStatus;
use causerie_domain::{MessageId, UserId};
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::sql_types::{Nullable, Text};

use super::super::messages::History;
use super::super::{
    Conn, Db, RunQueryDsl, Sequence, Together, budgets, messages as message_queries, sql_literals, usage,
};
use super::{lease, read, reap};
use crate::error::{QueryError, TransactionError, corrupt, unavailable};
use crate::input::{HistoryRange, KeyLookup};
use crate::rows::{AttachmentRow, KeyedTurnRow, MessageRow, SessionRow, TurnRow, checked_text, micros};
use crate::schema::{message_attachments, messages, sessions, turns, users};
use crate::types::{SqlId, id_param};

type Refusal = TransactionError<BeginTurnError>;

/// How often the session is tried while concurrent changes make the update and the read contradict each other.
const TRIES: u32 = 3;

pub(crate) async fn begin(conn: &mut Conn, begin: &BeginTurn) -> Result<BegunTurn, Refusal> {
    let mut key_uses = Vec::new();
    let taken = match take_session(conn, begin, &mut key_uses).await {
        Err(TransactionError::Refused(BeginTurnError::InProgress(running)))
            if running == begin.ids.turn_id =>
        {
            return Ok(begun_before(conn, begin).await?);
        }
        taken => taken?,
    };
    // The session's row is locked: no other transaction can use the key or begin a turn until this one ends.
    refuse_used_key(conn, begin, key_uses).await?;
    let TakenSession { session, is_expired } = taken;
    if is_expired {
        reap::close_running(conn, session.id, begin.now).await?;
    }
    let answer_seq = session.next_seq - 1;
    let mut writes = Together::default();
    let turn = begin.turn(answer_seq);
    writes.add(insertion_of_turn(begin, turn.clone())?);
    let user_message = match begin.answers_again {
        Some(seq) => question_again(conn, begin, seq, answer_seq).await?,
        None => {
            let message = begin.user_message(answer_seq - 1);
            writes.add(message_queries::insertion(message.clone())?);
            message
        }
    };
    let assistant_message = begin.placeholder(answer_seq);
    writes.add(message_queries::insertion(assistant_message.clone())?);
    writes.add(usage::opening(&begin.usage)?);
    let mut history = History::new(&session, history_range(begin, &session, user_message.seq));
    let mut budgets = Vec::new();
    let rest = history.read(Sequence::default(), writes);
    rest.load(budgets::of(begin.usage.budget_subjects()), &mut budgets).run(conn).await?;
    let (history, earlier_messages) = history.load(conn).await?;
    for attachment in begin.attachments() {
        insert_attachment(conn, attachment).await?;
    }
    let needed = begin.ceiling.and_then(|ceiling| ceiling.with_history(&history));
    let budget_left = budgets::reserve(conn, budgets, &begin.usage, needed).await?;
    Ok(BegunTurn { session, user_message, assistant_message, turn, history, earlier_messages, budget_left })
}

/// Returns the result of an earlier try of this call whose response was lost. Its turn still runs, so the session has
/// not changed since.
async fn begun_before(conn: &mut Conn, begin: &BeginTurn) -> Result<BegunTurn, QueryError> {
    let row: SessionRow = sessions::table
        .filter(sessions::id.eq(id_param(begin.ids.session_id)))
        .select(SessionRow::as_select())
        .first(conn)
        .await?;
    let session = Session::try_from(row)?;
    let turn = read::plain(conn, begin.ids.turn_id).await?;
    let turn = turn.ok_or_else(|| corrupt(format!("running turn {} is missing", begin.ids.turn_id)))?;
    let user_message = message(conn, begin.ids.user_message_id).await?;
    let range = history_range(begin, &session, user_message.seq);
    let (history, earlier_messages) = message_queries::history(conn, &session, range).await?;
    Ok(BegunTurn {
        session,
        user_message,
        assistant_message: message(conn, begin.ids.assistant_message_id).await?,
        turn,
        history,
        earlier_messages,
        budget_left: budgets::left(conn, &begin.usage).await?,
    })
}

pub(super) fn history_range(begin: &BeginTurn, session: &Session, user_seq: i64) -> HistoryRange {
    HistoryRange {
        from_seq: begin.history_from_seq(session),
        before_seq: user_seq,
        limit: begin.max_history_messages,
    }
}

/// Returns the user message that is answered again, and marks its other answers as superseded.
async fn question_again(
    conn: &mut Conn,
    begin: &BeginTurn,
    seq: i64,
    answer_seq: i64,
) -> Result<Message, Refusal> {
    let last = message_queries::last_question(conn, &begin.ids.session_id).await?;
    match last.map(|view| view.message) {
        Some(question) if question.seq == seq => {
            message_queries::supersede(conn, begin.ids.session_id, seq, answer_seq).await?;
            Ok(question)
        }
        _ => Err(TransactionError::Refused(BeginTurnError::NotLastQuestion)),
    }
}

async fn message(conn: &mut Conn, id: MessageId) -> Result<Message, QueryError> {
    let row: MessageRow = messages::table
        .filter(messages::id.eq(id_param(id)))
        .select(MessageRow::as_select())
        .first(conn)
        .await?;
    Ok(row.try_into()?)
}

/// Session whose lease was taken.
struct TakenSession {
    session: Session,
    /// Whether the lease was that of a turn whose owner has not renewed it. The turn still runs.
    is_expired: bool,
}

/// Raises the session's sequence number and takes its lease, or returns the reason of the refusal. Reads the uses of the key
/// after that.
async fn take_session(
    conn: &mut Conn,
    begin: &BeginTurn,
    key_uses: &mut Vec<KeyedTurnRow>,
) -> Result<TakenSession, Refusal> {
    for _ in 0..TRIES {
        for is_expired in [false, true] {
            if let Some(row) = try_take(conn, begin, is_expired, key_uses).await? {
                return Ok(TakenSession { session: row.try_into()?, is_expired });
            }
        }
        if let Some(refusal) = why_refused(conn, begin).await? {
            return Err(TransactionError::Refused(refusal));
        }
    }
    Err(unavailable("the session changes concurrently").into())
}

/// Takes a session that has no turn, or one whose turn has an expired lease.
async fn try_take(
    conn: &mut Conn,
    begin: &BeginTurn,
    is_expired: bool,
    key_uses: &mut Vec<KeyedTurnRow>,
) -> Result<Option<SessionRow>, QueryError> {
    let title = begin.title.as_deref().map(|title| checked_text("sessions.title", title)).transpose()?;
    let added = begin.added_messages();
    let last_next_seq = begin.max_messages.map_or(i64::MAX, |most| i64::from(most) + 1 - added);
    let without_turn = sessions::active_turn_id.is_null();
    let expired = sessions::lease_until.le(sql_literals::Now);
    let taken = diesel::update(sessions::table)
        .filter(sql_literals::Begun)
        .filter(sessions::id.eq(id_param(begin.ids.session_id)))
        .filter(sessions::user_id.nullable().eq(active_user(begin.user_id).single_value()))
        .filter(sessions::deleted_at.is_null())
        .filter(sessions::state.eq(SessionState::Active.as_str()))
        .filter(sessions::next_seq.le(last_next_seq))
        .set((
            sessions::next_seq.eq(sessions::next_seq + added),
            sessions::active_turn_id.eq(id_param(begin.ids.turn_id)),
            sessions::lease_until.eq(sql_literals::after_micros(micros(begin.lease.duration))),
            sessions::last_activity_at.eq(lease::no_earlier_than(begin.now.as_micros())),
            sessions::title.eq(case_when(sessions::title.is_null(), title.into_sql::<Nullable<Text>>())
                .otherwise(sessions::title)),
        ))
        .into_boxed::<Db>();
    let taken = match is_expired {
        true => taken.filter(expired),
        false => taken.filter(without_turn),
    };
    let mut rows = Vec::new();
    key_uses.clear();
    let mut sequence =
        Sequence::first().load(taken.returning(SessionRow::as_returning()).cached(), &mut rows);
    if let Some(named) = &begin.key {
        sequence = sequence.load(read::with_key(begin.ids.session_id, &named.key), key_uses);
    }
    sequence.run(conn).await?;
    Ok(rows.pop())
}

/// Returns the id of a user unless the user is disabled. The verified credential of a caller can be older than the change.
fn active_user(id: UserId) -> users::BoxedQuery<'static, Db, SqlId> {
    users::table
        .filter(users::id.eq(id_param(id)))
        .filter(users::status.eq(UserStatus::Active.as_str()))
        .select(users::id)
        .into_boxed()
}

/// Returns the reason of a refusal, in the order of the checks; `None` if the session can be taken now.
pub(super) async fn why_refused(
    conn: &mut Conn,
    begin: &BeginTurn,
) -> Result<Option<BeginTurnError>, QueryError> {
    let found: Option<(SessionRow, Option<bool>)> = sessions::table
        .filter(sessions::id.eq(id_param(begin.ids.session_id)))
        .filter(sessions::user_id.eq(id_param(begin.user_id)))
        .filter(sessions::deleted_at.is_null())
        .select((SessionRow::as_select(), sessions::lease_until.gt(sql_literals::Now)))
        .first(conn)
        .await
        .optional()?;
    let Some((row, held)) = found else { return Ok(Some(BeginTurnError::NotFound)) };
    let active: Option<UserId> = active_user(begin.user_id).first(conn).await.optional()?;
    if active.is_none() {
        return Ok(Some(BeginTurnError::UserDisabled));
    }
    let session = Session::try_from(row)?;
    if session.active_turn_id == Some(begin.ids.turn_id) && held == Some(true) {
        return Ok(Some(BeginTurnError::InProgress(begin.ids.turn_id)));
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
    let count = session.next_seq - 1 + begin.added_messages();
    let full = begin.max_messages.filter(|most| count > i64::from(*most));
    Ok(full.map(BeginTurnError::Full))
}

/// Refuses an idempotency key that is still kept, and clears an older use of it.
async fn refuse_used_key(conn: &mut Conn, begin: &BeginTurn, uses: Vec<KeyedTurnRow>) -> Result<(), Refusal> {
    let (Some(named), Some(used)) = (&begin.key, uses.into_iter().next()) else { return Ok(()) };
    let used = KeyedTurn::try_from(used)?;
    if used.turn.started_at >= begin.keys_kept_since {
        return Err(TransactionError::Refused(BeginTurnError::KeyUsed(Box::new(used))));
    }
    diesel::update(turns::table)
        .filter(turns::session_id.eq(id_param(begin.ids.session_id)))
        .filter(turns::idempotency_key.eq(&named.key))
        .set((turns::idempotency_key.eq(None::<String>), turns::body_hash.eq(None::<String>)))
        .cached()
        .apply(conn)
        .await?;
    Ok(())
}

async fn key_use(conn: &mut Conn, begin: &BeginTurn) -> Result<Option<BeginTurnError>, QueryError> {
    let Some(named) = &begin.key else { return Ok(None) };
    let (session_id, key, since) = (begin.ids.session_id, named.key.clone(), begin.keys_kept_since);
    let used = read::by_key(conn, &KeyLookup { session_id, key, since }).await?;
    Ok(used.map(|turn| BeginTurnError::KeyUsed(Box::new(turn))))
}

/// Returns the statement that inserts a turn.
fn insertion_of_turn(
    begin: &BeginTurn,
    turn: Turn,
) -> Result<impl QueryFragment<Db> + Send + '_, QueryError> {
    let key = begin.key.as_ref();
    Ok(diesel::insert_into(turns::table).values((
        TurnRow::try_from(turn)?,
        turns::idempotency_key.eq(key.map(|named| &named.key)),
        turns::body_hash.eq(key.map(|named| &named.body_hash)),
    )))
}

async fn insert_attachment(conn: &mut Conn, attachment: Attachment) -> Result<(), QueryError> {
    diesel::insert_into(message_attachments::table)
        .values(AttachmentRow::try_from(attachment)?)
        .apply(conn)
        .await?;
    Ok(())
}
