//! Requests of a turn, with the messages that they contain.

use causerie_domain::sessions::Session;
use causerie_domain::turn_requests::{
    MAX_OMITTED, OmittedMessage, StoredTurnRequests, TurnAttempt, TurnRequest, UnsentMessage, history_from,
    omitted,
};
use causerie_domain::turns::Turn;
use causerie_domain::{Filter, TurnId};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::super::{Conn, RunQueryDsl, messages as message_queries, usage};
use super::read;
use crate::error::QueryError;
use crate::input::SpanOfMessages;
use crate::rows::{AttemptRow, SessionRow, parse_variant, turn_requests};
use crate::schema::{ai_usage, message_attachments, messages, sessions, turns};
use crate::types::id_param;

/// Columns of a message that tell why it was not sent: number, role, the answer that replaces it, and whether it has no
/// text.
type Unsent = (i64, String, Option<i64>, bool);

pub(crate) async fn requests(
    conn: &mut Conn,
    (id, visible): &(TurnId, Filter),
) -> Result<Option<StoredTurnRequests>, QueryError> {
    let Some(turn) = read::by_id(conn, &(*id, visible.clone())).await? else { return Ok(None) };
    let stored: Option<String> =
        turns::table.filter(turns::id.eq(id_param(*id))).select(turns::requests).first(conn).await?;
    let requests = stored.as_deref().map(turn_requests).transpose()?.unwrap_or_default();
    let session: SessionRow = sessions::table
        .filter(sessions::id.eq(id_param(turn.session_id)))
        .select(SessionRow::as_select())
        .first(conn)
        .await?;
    let session = Session::try_from(session)?;
    let attempts = attempts(conn, &turn).await?;
    let new_seq: i64 = messages::table
        .filter(messages::id.eq(id_param(turn.user_message_id)))
        .select(messages::seq)
        .first(conn)
        .await?;
    let first_seq = requests.iter().filter_map(first_seq).min().unwrap_or(new_seq);
    let span = SpanOfMessages { session_id: session.id, first_seq, last_seq: new_seq };
    let sent = numbers(&requests, new_seq);
    let messages = message_queries::numbered(conn, &session, &sent, visible).await?;
    let omitted = match requests.last() {
        Some(last) => omitted_messages(conn, &turn, last, span).await?,
        None => Vec::new(),
    };
    let has_deleted_files = has_deleted_files(conn, &turn, span).await?;
    Ok(Some(StoredTurnRequests {
        turn,
        session,
        attempts,
        requests,
        new_seq,
        messages,
        omitted,
        has_deleted_files,
    }))
}

/// Returns the sequence number of the first message of the history of a request.
fn first_seq(request: &TurnRequest) -> Option<i64> {
    request.history.as_pairs().first().map(|(first, _)| *first)
}

/// Returns the sequence numbers of the messages of all requests in order.
fn numbers(requests: &[TurnRequest], new_seq: i64) -> Vec<i64> {
    let ranges = requests.iter().flat_map(|request| request.history.as_pairs());
    let mut numbers: Vec<i64> = ranges.flat_map(|(first, last)| *first..=(*last).min(new_seq)).collect();
    numbers.push(new_seq);
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

async fn attempts(conn: &mut Conn, turn: &Turn) -> Result<Vec<TurnAttempt>, QueryError> {
    let rows: Vec<AttemptRow> = ai_usage::table
        .filter(ai_usage::turn_id.eq(id_param(turn.id)))
        .order((ai_usage::attempt, ai_usage::id))
        .select(AttemptRow::as_select())
        .load(conn)
        .await?;
    let mut attempts: Vec<TurnAttempt> =
        rows.into_iter().map(TurnAttempt::try_from).collect::<Result<_, _>>()?;
    let tools = attempts.iter().filter_map(|attempt| attempt.usage.tool_id);
    let slugs = usage::slugs(conn, tools).await?;
    for attempt in &mut attempts {
        attempt.usage.tool_slug = attempt.usage.tool_id.and_then(|tool| slugs.get(&tool).cloned());
    }
    Ok(attempts)
}

/// Returns the latest messages of the history that a request does not contain.
async fn omitted_messages(
    conn: &mut Conn,
    turn: &Turn,
    request: &TurnRequest,
    span: SpanOfMessages,
) -> Result<Vec<OmittedMessage>, QueryError> {
    let mut unsent = messages::table
        .filter(messages::session_id.eq(id_param(span.session_id)))
        .filter(messages::seq.ge(history_from(turn, request, span.last_seq)))
        .filter(messages::seq.lt(span.last_seq))
        .order(messages::seq.desc())
        .limit(i64::from(MAX_OMITTED))
        .select((
            messages::seq,
            messages::role,
            messages::superseded_by,
            sql::<Bool>("messages.content = ''"),
        ))
        .into_boxed();
    for (first, last) in request.history.as_pairs().iter().rev().take(MAX_RANGES) {
        unsent = unsent.filter(messages::seq.lt(*first).or(messages::seq.gt(*last)));
    }
    let rows: Vec<Unsent> = unsent.load(conn).await?;
    let unsent = rows.into_iter().rev().filter(|(seq, ..)| !request.history.contains(*seq)).map(
        |(seq, role, superseded_by, is_empty)| {
            Ok::<_, QueryError>(UnsentMessage {
                seq,
                role: parse_variant("messages.role", &role)?,
                superseded_by,
                is_empty,
            })
        },
    );
    Ok(omitted(turn, request, unsent.collect::<Result<Vec<_>, _>>()?))
}

/// Number of ranges of sent messages that the query of omitted messages excludes. Those of further ranges are excluded
/// afterwards.
const MAX_RANGES: usize = 100;

/// Returns whether a file of a message of the span was deleted after the turn had begun.
async fn has_deleted_files(conn: &mut Conn, turn: &Turn, span: SpanOfMessages) -> Result<bool, QueryError> {
    let deleted = message_attachments::table
        .inner_join(messages::table)
        .filter(messages::session_id.eq(id_param(span.session_id)))
        .filter(messages::seq.between(span.first_seq, span.last_seq))
        .filter(message_attachments::deleted_at.gt(turn.started_at.as_micros()));
    Ok(diesel::select(diesel::dsl::exists(deleted)).get_result(conn).await?)
}
