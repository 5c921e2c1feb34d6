//! Messages of a session, and sending one.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use causerie_domain::{SessionId, Usd};
use causerie_runtime::{ListMessages, MAX_IDEMPOTENCY_KEY_CHARS, SendOutcome, TurnEnd};
use serde::Deserialize;

use crate::auth::Caller;
use crate::dto::messages::{MessageCursor, MessageDto, SendMessageBody, latest_of_page};
use crate::dto::text::KeyText;
use crate::dto::turns::{TurnAnswer, TurnDto, WholeAnswer};
use crate::dto::usage::UsageDto;
use crate::dto::{Id, PageDto, input};
use crate::error::{BUDGET_LEFT, Problem, of_turn};
use crate::request::{Json, PageParams, PathId, Query, ResponseMode};
use crate::sse::{self, Frame};
use crate::state::AppState;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Filter of the messages of a session.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessageParams {
    /// Only messages after this number.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    after_seq: Option<i64>,
    /// Only messages before this number.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    before_seq: Option<i64>,
    /// `true`: only messages that are neither superseded nor withheld.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    visible: Option<bool>,
}

/// The messages of a session.
///
/// In order, from the first one; with `before_seq` alone, the latest before it. Answers include their tokens and cost.
#[utoipa::path(
    get, path = "/sessions/{id}/messages", tag = "messages",
    params(("id" = Id, Path, description = "The session"), MessageParams, PageParams),
    responses((status = 200, body = PageDto<MessageDto>, description = "A page of messages")),
)]
pub(crate) async fn list_messages(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
    query: Query<(MessageParams, PageParams)>,
) -> Result<HttpResponse, Problem> {
    let Query((MessageParams { after_seq, before_seq, visible }, page)) = query;
    let without_marked = visible == Some(true);
    let mut list =
        ListMessages { session_id: id.0, without_marked, after_seq, before_seq, limit: page.limit };
    match page.after()? {
        Some(MessageCursor::After(seq)) => list.after_seq = Some(seq),
        Some(MessageCursor::Before(seq)) => list.before_seq = Some(seq),
        None => {}
    }
    let is_backwards = list.after_seq.is_none() && list.before_seq.is_some();
    let found = state.call(move |runtime| async move { runtime.messages(&caller.0, list).await }).await?;
    let page: PageDto<MessageDto> = match is_backwards {
        true => {
            let (first, messages) = latest_of_page(found.rows);
            // The numbers of a session start at 1 and have no gaps.
            let next = first.filter(|first| *first > 1).map(MessageCursor::Before);
            PageDto::new(messages, next.as_ref())
        }
        false => {
            let next = found.next.map(MessageCursor::After);
            PageDto::bounded(found.rows, |view| MessageCursor::After(view.message.seq), next)
        }
    };
    Ok(HttpResponse::Ok().json(page))
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
            "Idempotency-Key" = Option<KeyText>, Header,
            description = "Key of this send, up to 255 characters. A send with the same key and the same body is \
                attached to the existing turn",
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
            headers(("location" = String, description = "URL of the turn")),
        ),
        (status = 402, description = "`budget_exceeded`; the header `x-budget-left` contains the remainder"),
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
    let mode = ResponseMode::of(request.headers())?;
    let key = idempotency_key(request.headers())?;
    let (message, principal) = (body.0.into(), caller.clone());
    let sent = state
        .call(move |runtime| async move { runtime.send_message(&principal.0, id.0, message, key).await })
        .await?;
    answer(&state, caller, sent, mode).await
}

/// Answer the last message again.
///
/// The new answer is a further message of the session. The earlier answers to the message get `superseded_by`: they stay
/// listed and in all sums, and are never sent upstream again. Forms of the response and headers are those of a send. The
/// body is empty or `{}`.
#[utoipa::path(
    post, path = "/sessions/{id}/regenerate", tag = "messages",
    params(
        ("id" = Id, Path, description = "The session"),
        (
            "Idempotency-Key" = Option<KeyText>, Header,
            description = "Key of this request, up to 255 characters. A request with the same key is attached to the \
                existing turn",
        ),
        ("Prefer" = Option<String>, Header, description = "`respond-async`: respond at once, with the turn"),
    ),
    responses(
        (
            status = 200, description = "The answer, as frames or as one document",
            content((Frame = "text/event-stream"), (WholeAnswer = "application/json")),
        ),
        (
            status = 202, body = TurnAnswer, description = "The turn that writes the answer",
            headers(("location" = String, description = "URL of the turn")),
        ),
        (status = 402, description = "`budget_exceeded`; the header `x-budget-left` contains the remainder"),
        (status = 406, description = "`Accept` allows neither response format"),
        (
            status = 409,
            description = "`turn_in_progress`, `session_not_active`, `session_full` or `nothing_to_regenerate`",
        ),
        (status = 422, description = "`idempotency_key_reused` or `context_length_exceeded`"),
        (status = 502, description = "JSON responses only: the upstream failed"),
        (status = 504, description = "JSON responses only: the upstream timed out"),
    ),
)]
pub(crate) async fn regenerate(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mode = ResponseMode::of(request.headers())?;
    let key = idempotency_key(request.headers())?;
    let principal = caller.clone();
    let sent =
        state.call(move |runtime| async move { runtime.regenerate(&principal.0, id.0, key).await }).await?;
    answer(&state, caller, sent, mode).await
}

/// Responds with the answer of a turn in the form that the request asks for.
async fn answer(
    state: &AppState,
    caller: Caller,
    sent: SendOutcome,
    mode: ResponseMode,
) -> Result<HttpResponse, Problem> {
    let budget_left = sent.budget_left;
    let response = match mode {
        ResponseMode::EventStream => return stream_answer(state, &caller, sent),
        ResponseMode::Json => complete_answer(state, caller, sent).await?,
        ResponseMode::Async => HttpResponse::Accepted()
            .insert_header((header::LOCATION, format!("/turns/{}", sent.turn.id)))
            .insert_header(("preference-applied", "respond-async"))
            .json(TurnAnswer { turn: Some(sent.turn.into()) }),
    };
    with_budget(response, budget_left)
}

/// Responds with the stream of an answer.
pub(super) fn stream_answer(
    state: &AppState,
    caller: &Caller,
    sent: SendOutcome,
) -> Result<HttpResponse, Problem> {
    with_budget(sse::stream(state, sent.reader, &caller.0, sent.right), sent.budget_left)
}

/// Adds the remainder of the budget to a response.
fn with_budget(mut response: HttpResponse, budget_left: Option<Usd>) -> Result<HttpResponse, Problem> {
    if let Some(left) = budget_left {
        let left = HeaderValue::try_from(left.to_string()).map_err(Problem::internal)?;
        response.headers_mut().insert(BUDGET_LEFT, left);
    }
    Ok(response)
}

/// Waits for the end of a turn and responds with the complete answer.
async fn complete_answer(
    state: &AppState,
    caller: Caller,
    sent: SendOutcome,
) -> Result<HttpResponse, Problem> {
    let mut open = state.open_reader(&caller.0, sent.scope());
    let reader = sent.reader;
    let end = state.main().run_abortable(async move {
        tokio::select! {
            biased;
            refusal = open.refused() => Err(Problem::from(refusal)),
            end = reader.end() => Ok(end?),
        }
    });
    let end = end.await?;
    let Some(TurnEnd { turn, usage }) = end else {
        return Err(Problem::internal("the events of a turn ended without a terminal event"));
    };
    if let Some(problem) = of_turn(&turn) {
        return Err(problem);
    }
    let (question, answer) = (turn.user_message_id, turn.assistant_message_id);
    let sent = turn.clone();
    let mut views =
        state.call(move |runtime| async move { runtime.sent_messages(&caller.0, &sent).await }).await?;
    let mut take = |id| match views.iter().position(|view| view.message.id == id) {
        Some(index) => Ok(MessageDto::from(views.swap_remove(index))),
        // The session or its user was deleted during the answer.
        None => Err(Problem::not_found()),
    };
    Ok(HttpResponse::Ok().json(WholeAnswer {
        user_message: take(question)?,
        message: take(answer)?,
        turn: TurnDto::from(turn),
        usage: usage.map(UsageDto::from),
    }))
}

/// Returns the idempotency key of a request.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
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
    fn an_idempotency_key_has_1_to_255_printable_characters() {
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
