//! Messages of a session, and sending one.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use causerie_domain::SessionId;
use causerie_domain::messages::MessageView;
use causerie_runtime::{
    ListMessages, MAX_IDEMPOTENCY_KEY_CHARS, Runtime, RuntimeError, SendOutcome, TurnEnd,
};

use crate::auth::Caller;
use crate::dto::{
    Id, MessageCursor, MessageDto, PageDto, SendMessageBody, TurnAnswer, TurnDto, UsageDto, WholeAnswer,
};
use crate::error::{BUDGET_LEFT, Problem, of_turn};
use crate::request::{Json, PageParams, PathId, Query, ResponseMode};
use crate::sse::{self, Frame};
use crate::state::AppState;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The messages of a session.
///
/// In order, from the first one; with `before_seq` alone, the latest before it. Answers include their tokens and cost.
#[utoipa::path(
    get, path = "/sessions/{id}/messages", tag = "messages",
    params(
        ("id" = Id, Path, description = "The session"),
        ("after_seq" = Option<i64>, Query, description = "Only messages after this number"),
        ("before_seq" = Option<i64>, Query, description = "Only messages before this number"),
        PageParams,
    ),
    responses((status = 200, body = PageDto<MessageDto>, description = "A page of messages")),
)]
pub(crate) async fn list_messages(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request)?;
    let (after_seq, before_seq) = (query.read("after_seq")?, query.read("before_seq")?);
    let mut list = ListMessages { session_id: id.0, after_seq, before_seq, limit: query.limit()? };
    match query.cursor::<MessageCursor>()? {
        Some(MessageCursor::After(seq)) => list.after_seq = Some(seq),
        Some(MessageCursor::Before(seq)) => list.before_seq = Some(seq),
        None => {}
    }
    query.finish()?;
    let (rows, next) = state.call(move |runtime| page(runtime, caller, list)).await?;
    Ok(HttpResponse::Ok().json(PageDto::<MessageDto>::new(rows, next.as_ref())))
}

/// A page of messages, and where it goes on.
async fn page(
    runtime: Runtime,
    caller: Caller,
    list: ListMessages,
) -> Result<(Vec<MessageView>, Option<MessageCursor>), RuntimeError> {
    let rows = runtime.messages(&caller.0, list.clone()).await?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok((rows, None)) };
    let (first, last) = (first.message.seq, last.message.seq);
    if list.after_seq.is_none() && list.before_seq.is_some() {
        // Backwards: a session has every message from 1 on.
        return Ok((rows, (first > 1).then_some(MessageCursor::Before(first))));
    }
    if rows.len() < list.limit as usize {
        return Ok((rows, None));
    }
    let beyond = ListMessages { after_seq: Some(last), limit: 1, ..list };
    let is_last = runtime.messages(&caller.0, beyond).await?.is_empty();
    Ok((rows, (!is_last).then_some(MessageCursor::After(last))))
}

/// Send a message.
///
/// The answer is streamed while it is written. With `Accept: application/json` the response is one document, sent when
/// the answer is complete. With `Prefer: respond-async` the response names the turn, which can be followed elsewhere.
/// The turn does not depend on the connection: it continues after a client disconnects.
#[utoipa::path(
    post, path = "/sessions/{id}/messages", tag = "messages",
    params(
        ("id" = Id, Path, description = "The session"),
        (
            "Idempotency-Key" = Option<String>, Header,
            description = "Your name for this send, up to 255 characters: repeated with the same body, it \
                attaches to the turn that exists",
        ),
        ("Prefer" = Option<String>, Header, description = "`respond-async`: respond at once, with the turn"),
    ),
    request_body(content = SendMessageBody, description = "The message"),
    responses(
        (
            status = 200, description = "The answer, as frames or as one document",
            content((Frame = "text/event-stream"), (WholeAnswer = "application/json")),
        ),
        (
            status = 202, body = TurnAnswer, description = "The turn that writes the answer",
            headers(("location" = String, description = "Where the turn is read")),
        ),
        (status = 402, description = "`budget_exceeded`; the header `x-budget-left` says the remainder"),
        (status = 406, description = "`Accept` allows neither response format"),
        (status = 409, description = "`turn_in_progress`, `session_not_active` or `session_full`"),
        (
            status = 422,
            description = "`idempotency_key_reused`, `message_too_long`, `modality_not_supported` or \
                `context_length_exceeded`",
        ),
        (status = 502, description = "JSON responses only: the upstream failed"),
        (status = 504, description = "JSON responses only: the upstream timed out"),
    ),
)]
pub(crate) async fn send_message(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
    request: HttpRequest,
    body: Json<SendMessageBody>,
) -> Result<HttpResponse, Problem> {
    let form = ResponseMode::of(request.headers())?;
    let key = idempotency_key(request.headers())?;
    let (message, principal) = (body.0.into(), caller.clone());
    let sent = state
        .call(move |runtime| async move { runtime.send_message(&principal.0, id.0, message, key).await })
        .await?;
    let budget_left = sent.budget_left;
    let mut answer = match form {
        ResponseMode::Stream => sse::stream(&state, sent.reader),
        ResponseMode::Document => whole_answer(&state, caller, sent).await?,
        ResponseMode::Later => HttpResponse::Accepted()
            .insert_header((header::LOCATION, format!("/turns/{}", sent.turn.id)))
            .insert_header(("preference-applied", "respond-async"))
            .json(TurnAnswer { turn: Some(sent.turn.into()) }),
    };
    if let Some(left) = budget_left {
        let left = HeaderValue::try_from(left.to_string()).map_err(Problem::internal)?;
        answer.headers_mut().insert(BUDGET_LEFT, left);
    }
    Ok(answer)
}

/// Waits for the end of a turn and responds with the complete answer.
async fn whole_answer(state: &AppState, caller: Caller, sent: SendOutcome) -> Result<HttpResponse, Problem> {
    let end = state.main().run_abortable(sent.reader.end()).await?;
    let Some(TurnEnd { turn, usage }) = end else {
        return Err(Problem::internal("the events of a turn ended without an end"));
    };
    if let Some(problem) = of_turn(&turn) {
        return Err(problem);
    }
    let (question, answer) = (turn.user_message_id, turn.assistant_message_id);
    let (after_seq, before_seq) = (Some(turn.assistant_seq - 2), Some(turn.assistant_seq + 1));
    let list = ListMessages { session_id: turn.session_id, after_seq, before_seq, limit: 2 };
    let mut views = state.call(move |runtime| async move { runtime.messages(&caller.0, list).await }).await?;
    let mut take = |id| match views.iter().position(|view| view.message.id == id) {
        Some(index) => Ok(MessageDto::from(views.swap_remove(index))),
        None => Err(Problem::internal("a turn has lost a message")),
    };
    Ok(HttpResponse::Ok().json(WholeAnswer {
        user_message: take(question)?,
        message: take(answer)?,
        turn: TurnDto::from(turn),
        usage: usage.map(UsageDto::from),
    }))
}

/// The idempotency key of a send.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(&IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=MAX_IDEMPOTENCY_KEY_CHARS).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => {
            let detail =
                format_args!("it must be 1 to {MAX_IDEMPOTENCY_KEY_CHARS} printable ASCII characters");
            Err(Problem::parameter("Idempotency-Key", detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_key_is_1_to_255_printable_characters() {
        let check = |given: Option<&[u8]>, expected: Result<Option<&str>, ()>| {
            let request = given.iter().fold(TestRequest::default(), |request, value| {
                request.append_header((IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap()))
            });
            let key = idempotency_key(request.to_http_request().headers());
            assert_eq!(key.map_err(|_| ()), expected.map(|key| key.map(str::to_owned)));
        };
        let longest = "k".repeat(255);
        check(None, Ok(None));
        check(Some(b"a key"), Ok(Some("a key")));
        check(Some(longest.as_bytes()), Ok(Some(&longest)));
        check(Some(format!("{longest}k").as_bytes()), Err(()));
        check(Some(b""), Err(()));
        check(Some("ä".as_bytes()), Err(()));
    }
}
