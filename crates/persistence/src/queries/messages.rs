//! Reading messages with their attachments and usage.

use std::collections::HashMap;

use causerie_domain::attachments::Attachment;
use causerie_domain::messages::{MAX_HISTORY_BYTES, Message, MessageRole, MessageSession, MessageView};
use causerie_domain::ports::MessageQuery;
use causerie_domain::sessions::Session;
use causerie_domain::{Filter, MessageId, SessionId};
use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::sizes::{self, PageLength};
use super::{Conn, Db, RunQueryDsl, Sequence, Together, filters, padded, sql_literals, usage};
use crate::error::QueryError;
use crate::input::{HistoryRange, LatestMessages};
use crate::rows::{AttachmentRow, MessageRow, MessageSessionRow};
use crate::schema::{message_attachments, messages, sessions};
use crate::types::id_param;

/// Returns the statement that inserts a message.
pub(super) fn insertion(
    message: Message,
) -> Result<impl QueryFragment<Db> + RunQueryDsl + Send + 'static, QueryError> {
    Ok(diesel::insert_into(messages::table).values(MessageRow::try_from(message)?))
}

/// Statement that selects columns of the listed messages, in the direction of the list.
macro_rules! listed {
    ($columns:expr, $list:expr) => {{
        let mut query = messages::table
            .inner_join(sessions::table)
            .filter(messages::session_id.eq(id_param($list.session_id)))
            .filter(sessions::deleted_at.is_null())
            .filter(filters::on_messages(&$list.visible)?)
            .select($columns)
            .into_boxed();
        if $list.without_marked {
            let is_shown = messages::superseded_by.is_null().and(messages::withheld_from.is_null());
            query = query.filter(is_shown);
        }
        if let Some(seq) = $list.after_seq {
            query = query.filter(messages::seq.gt(seq));
        }
        if let Some(seq) = $list.before_seq {
            query = query.filter(messages::seq.lt(seq));
        }
        match is_backwards($list) {
            true => query.order(messages::seq.desc()),
            false => query.order(messages::seq.asc()),
        }
    }};
}

fn is_backwards(list: &MessageQuery) -> bool {
    list.before_seq.is_some() && list.after_seq.is_none()
}

pub(crate) async fn list(conn: &mut Conn, list: &MessageQuery) -> Result<Vec<MessageView>, QueryError> {
    let size = sql::<BigInt>(sizes::MESSAGE);
    let sizes: Vec<i64> = listed!(size, list).limit(i64::from(list.limit)).load(conn).await?;
    let length = PageLength::of(&sizes, list.limit);
    let columns = (MessageRow::as_select(), MessageSessionRow::as_select());
    let mut rows: Vec<(MessageRow, MessageSessionRow)> =
        listed!(columns, list).limit(length.rows).load(conn).await?;
    if is_backwards(list) {
        rows.reverse();
    }
    views_of_session(conn, rows).await
}

pub(crate) async fn latest(conn: &mut Conn, latest: &LatestMessages) -> Result<Vec<MessageView>, QueryError> {
    let before_end = MessageQuery {
        session_id: latest.session_id,
        visible: latest.visible.clone(),
        without_marked: false,
        after_seq: None,
        before_seq: Some(i64::MAX),
        limit: latest.limit,
    };
    list(conn, &before_end).await
}

/// SQL of the parts of a message [in the history](Message::without_parts). In the text of a part, quotation marks are escaped.
const HISTORY_PARTS: &str = r#"CASE WHEN messages.content = '' AND messages.parts LIKE '%{"type":"file",%'
     THEN '[{"type":"file","url":""}]' ELSE '[]' END"#;

/// Columns of a message in the history, with these texts.
macro_rules! history_columns {
    () => {
        history_columns!(messages::content, messages::reasoning_details, messages::meta)
    };
    ($content:expr, $reasoning_details:expr, $meta:expr) => {
        (
            messages::id,
            messages::session_id,
            messages::turn_id,
            messages::role,
            messages::seq,
            messages::status,
            $content,
            sql::<Text>(HISTORY_PARTS),
            $reasoning_details,
            $meta,
            messages::superseded_by,
            messages::created_at,
            messages::withheld_from,
            messages::accepted,
        )
    };
}

/// Number of messages that one statement selects by their sequence numbers.
const NUMBERS_PER_STATEMENT: usize = 500;

/// Returns the messages with these ascending sequence numbers that the filter matches, in order and without parts. They
/// were the history of a request, so they have at most [`MAX_HISTORY_BYTES`] together.
pub(super) async fn numbered(
    conn: &mut Conn,
    session: &Session,
    numbers: &[i64],
    visible: &Filter,
) -> Result<Vec<MessageView>, QueryError> {
    let mut rows: Vec<MessageRow> = Vec::new();
    for numbers in numbers.chunks(NUMBERS_PER_STATEMENT) {
        let found: Vec<MessageRow> = messages::table
            .inner_join(sessions::table)
            .filter(messages::session_id.eq(id_param(session.id)))
            .filter(messages::seq.eq_any(numbers.to_vec()))
            .filter(filters::on_messages(visible)?)
            .order(messages::seq)
            .select(history_columns!())
            .load(conn)
            .await?;
        rows.extend(found);
    }
    views(conn, rows, session.into()).await
}

/// The history of a turn: the last messages of a range that are not superseded.
pub(super) struct History {
    session_id: SessionId,
    session: MessageSession,
    range: HistoryRange,
    /// Newest first. The texts of large ones are missing.
    found: Vec<FoundMessage>,
}

/// A message of a history, its size in bytes, and whether it has attachments.
type FoundMessage = (MessageRow, i64, bool);

/// SQL of a text of at most this size, and of another one otherwise.
macro_rules! up_to {
    ($max:expr, $sql_type:ty, $column:literal, $otherwise:literal) => {
        sql::<$sql_type>(concat!("CASE WHEN OCTET_LENGTH(", $column, ") <= "))
            .bind::<BigInt, _>($max)
            .sql(concat!(" THEN ", $column, " ELSE ", $otherwise, " END"))
    };
}

/// Selects the messages of a history, newest first.
macro_rules! earlier {
    ($history:expr) => {
        messages::table
            .filter(messages::session_id.eq(id_param($history.session_id)))
            .filter(messages::seq.ge($history.range.from_seq))
            .filter(messages::seq.lt($history.range.before_seq))
            .filter(messages::superseded_by.is_null())
            .order(messages::seq.desc())
    };
}

impl History {
    pub(super) fn new(session: &Session, range: HistoryRange) -> Self {
        History { session_id: session.id, session: session.into(), range, found: Vec::new() }
    }

    /// Adds the statement that reads the history, together with writes that are not those of its messages. The caller has
    /// locked the session.
    pub(super) fn read<'q>(&'q mut self, sequence: Sequence<'q>, writes: Together<'q>) -> Sequence<'q> {
        let max = self.max_text();
        let columns = history_columns!(
            up_to!(max, Text, "messages.content", "''"),
            up_to!(max, Nullable<Text>, "messages.reasoning_details", "NULL"),
            up_to!(max, Text, "messages.meta", "'{}'")
        );
        let size = sql::<BigInt>(sizes::MESSAGE_WITHOUT_PARTS);
        let has_attachments = exists(
            message_attachments::table
                .filter(message_attachments::message_id.eq(messages::id))
                .filter(message_attachments::deleted_at.is_null()),
        );
        let query = earlier!(self).select((columns, size, has_attachments)).limit(self.range.limit.into());
        sequence.load_together(writes, query.cached(), &mut self.found)
    }

    /// Returns the messages in order, without parts and usage, up to [`MAX_HISTORY_BYTES`], and the number of all messages
    /// before the end of the range that are not superseded.
    pub(super) async fn load(mut self, conn: &mut Conn) -> Result<(Vec<MessageView>, u64), QueryError> {
        let found: Vec<i64> = self.found.iter().map(|(_, size, _)| *size).collect();
        let has_attachments = self.found.iter().any(|(.., has_attachments)| *has_attachments);
        let mut rows: Vec<MessageRow> = self.found.drain(..).map(|(row, ..)| row).collect();
        if found.iter().any(|size| *size > self.max_text()) {
            // Not two of them at once.
            drop(rows);
            let count = sizes::within(MAX_HISTORY_BYTES, &found);
            rows = earlier!(self).select(history_columns!()).limit(count).cached().load(conn).await?;
        }
        rows.reverse();
        let range = self.range;
        let is_whole = range.from_seq <= 1 && found.len() < range.limit as usize && rows.len() == found.len();
        let earlier = match is_whole {
            true => rows.len() as u64,
            false => count_before(conn, self.session_id, range.before_seq).await?,
        };
        let messages: Vec<Message> = rows.into_iter().map(Message::try_from).collect::<Result<_, _>>()?;
        let attachments = match has_attachments {
            true => attachments_of(conn, &messages).await?,
            false => HashMap::new(),
        };
        Ok((with_attachments(messages, attachments, self.session), earlier))
    }

    /// Returns the maximum size of each text of a message that is read at once, so that all of them have at most
    /// [`MAX_HISTORY_BYTES`]. A message of at most this size is read as a whole.
    fn max_text(&self) -> i64 {
        let texts = 3 * i64::from(self.range.limit.max(1));
        i64::try_from(MAX_HISTORY_BYTES).unwrap_or(i64::MAX) / texts
    }
}

/// Reads the history of a turn: see [`History::load`].
pub(super) async fn history(
    conn: &mut Conn,
    session: &Session,
    range: HistoryRange,
) -> Result<(Vec<MessageView>, u64), QueryError> {
    let mut history = History::new(session, range);
    history.read(Sequence::default(), Together::default()).run(conn).await?;
    history.load(conn).await
}

/// Returns the number of messages before a sequence number that are not superseded. The numbers have no gaps.
async fn count_before(conn: &mut Conn, session: SessionId, seq: i64) -> Result<u64, QueryError> {
    let superseded: i64 = messages::table
        .filter(messages::session_id.eq(id_param(session)))
        .filter(messages::seq.lt(seq))
        .filter(messages::superseded_by.is_not_null())
        .count()
        .get_result(conn)
        .await?;
    Ok(u64::try_from(seq - 1 - superseded).unwrap_or(0))
}

/// Returns the last user message of a session. The caller checks the right to use it.
pub(crate) async fn last_question(
    conn: &mut Conn,
    session: &SessionId,
) -> Result<Option<MessageView>, QueryError> {
    let row: Option<(MessageRow, MessageSessionRow)> = messages::table
        .inner_join(sessions::table)
        .filter(messages::session_id.eq(id_param(*session)))
        .filter(sessions::deleted_at.is_null())
        .filter(messages::role.eq(MessageRole::User.as_str()))
        .order(messages::seq.desc())
        .select((MessageRow::as_select(), MessageSessionRow::as_select()))
        .first(conn)
        .await
        .optional()?;
    Ok(views_of_session(conn, row.into_iter().collect()).await?.pop())
}

/// User messages of a session that a turn marks.
macro_rules! marked {
    ($session:expr, $answer_seq:expr, $seqs:expr) => {
        messages::table
            .filter(messages::session_id.eq(id_param($session)))
            .filter(messages::seq.eq_any(padded($seqs.to_vec())))
            .filter(messages::seq.lt($answer_seq))
            .filter(messages::role.eq(MessageRole::User.as_str()))
    };
}

/// Marks the answers to a user message as superseded by the message with this number.
pub(super) async fn supersede(
    conn: &mut Conn,
    session: SessionId,
    question_seq: i64,
    answer_seq: i64,
) -> Result<(), QueryError> {
    diesel::update(messages::table)
        .filter(messages::session_id.eq(id_param(session)))
        .filter(messages::seq.gt(question_seq))
        .filter(messages::seq.lt(answer_seq))
        .filter(messages::superseded_by.is_null())
        .set(messages::superseded_by.eq(answer_seq))
        .cached()
        .apply(conn)
        .await?;
    Ok(())
}

/// Returns the statement that marks user messages as accepted at the end of a turn. `answer_seq` is the sequence number
/// of its answer.
pub(super) fn acceptance(
    session: SessionId,
    answer_seq: i64,
    seqs: &[i64],
) -> impl QueryFragment<Db> + Send + 'static {
    diesel::update(marked!(session, answer_seq, seqs).filter(sql_literals::Begun))
        .set((messages::accepted.eq(true), messages::withheld_from.eq(None::<i64>)))
        .cached()
}

/// Marks user messages as withheld from requests after a turn.
pub(super) async fn withhold(
    conn: &mut Conn,
    session: SessionId,
    answer_seq: i64,
    seqs: &[i64],
) -> Result<(), QueryError> {
    if !seqs.is_empty() {
        diesel::update(marked!(session, answer_seq, seqs))
            .set(messages::withheld_from.eq(answer_seq))
            .cached()
            .apply(conn)
            .await?;
    }
    Ok(())
}

/// Messages of one session with their attachments and usage.
async fn views_of_session(
    conn: &mut Conn,
    rows: Vec<(MessageRow, MessageSessionRow)>,
) -> Result<Vec<MessageView>, QueryError> {
    let (messages, mut sessions): (Vec<MessageRow>, Vec<MessageSessionRow>) = rows.into_iter().unzip();
    match sessions.pop() {
        Some(session) => views(conn, messages, session.try_into()?).await,
        None => Ok(Vec::new()),
    }
}

/// Messages with their attachments and usage. It takes two more statements for any number of messages.
async fn views(
    conn: &mut Conn,
    rows: Vec<MessageRow>,
    session: MessageSession,
) -> Result<Vec<MessageView>, QueryError> {
    let messages = rows.into_iter().map(Message::try_from).collect::<Result<_, _>>()?;
    let mut views = views_without_usage(conn, messages, session).await?;
    add_usage(conn, &mut views).await?;
    Ok(views)
}

/// Adds the usage of answers.
pub(super) async fn add_usage(conn: &mut Conn, views: &mut [MessageView]) -> Result<(), QueryError> {
    let turn_of = |message: &Message| message.turn_id.filter(|_| message.role == MessageRole::Assistant);
    let turns: Vec<_> = views.iter().filter_map(|view| turn_of(&view.message)).collect();
    let mut usage = usage::of_turns(conn, &turns).await?;
    for view in views {
        view.usage = turn_of(&view.message).and_then(|turn| usage.remove(&turn));
    }
    Ok(())
}

/// Messages with their attachments.
async fn views_without_usage(
    conn: &mut Conn,
    messages: Vec<Message>,
    session: MessageSession,
) -> Result<Vec<MessageView>, QueryError> {
    let attachments = attachments_of(conn, &messages).await?;
    Ok(with_attachments(messages, attachments, session))
}

fn with_attachments(
    messages: Vec<Message>,
    mut attachments: HashMap<MessageId, Vec<Attachment>>,
    session: MessageSession,
) -> Vec<MessageView> {
    let views = messages.into_iter().map(|message| MessageView {
        attachments: attachments.remove(&message.id).unwrap_or_default(),
        usage: None,
        message,
        session,
    });
    views.collect()
}

async fn attachments_of(
    conn: &mut Conn,
    messages: &[Message],
) -> Result<HashMap<MessageId, Vec<Attachment>>, QueryError> {
    let mut found: HashMap<MessageId, Vec<Attachment>> = HashMap::new();
    // Only user messages have attachments.
    let users = messages.iter().filter(|message| message.role == MessageRole::User);
    let ids: Vec<_> = users.map(|message| id_param(message.id)).collect();
    if ids.is_empty() {
        return Ok(found);
    }
    let rows: Vec<AttachmentRow> = message_attachments::table
        .filter(message_attachments::message_id.eq_any(padded(ids)))
        .filter(message_attachments::deleted_at.is_null())
        .order(message_attachments::id)
        .select(AttachmentRow::as_select())
        .cached()
        .load(conn)
        .await?;
    for row in rows {
        found.entry(row.message_id.into()).or_default().push(row.try_into()?);
    }
    Ok(found)
}
