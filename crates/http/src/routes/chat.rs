//! The routes of `useChat` of the AI SDK, in the form in which it calls them by default.

use std::sync::Arc;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use causerie_runtime::RuntimeError;

use crate::auth::Caller;
use crate::dto::Id;
use crate::dto::chat::{ChatBody, session_id};
use crate::dto::text::{KeyText, SessionCursorText};
use crate::error::{Code, Problem};
use crate::request::{ClientBody, Query};
use crate::routes::messages::{idempotency_key, stream_answer};
use crate::routes::streams::{StreamParams, respond, session_cursor};
use crate::sse::Frame;
use crate::state::AppState;

/// Send a message with the AI SDK.
///
/// Takes what `useChat` sends by default, with the id of the session as the id of the chat, and streams the answer. The
/// last user message is the new one; the rest of the conversation is skipped, since the server has it. The id of the
/// message is its idempotency key. `regenerate-message` asks for another answer to the last message, or sends it if the
/// session does not have it.
#[utoipa::path(
    post, path = "/api/chat", tag = "ai-sdk",
    params((
        "Idempotency-Key" = Option<KeyText>, Header,
        description = "Key of a request for another answer, up to 255 characters. A message has its id as key",
    )),
    request_body(content = ChatBody, description = "The chat as the page has it"),
    responses(
        (status = 200, body = Frame, content_type = "text/event-stream", description = "The answer, as frames"),
        (status = 402, description = "`budget_exceeded`; the header `x-budget-left` contains the remainder"),
        (
            status = 409,
            description = "`fork_required`, `turn_in_progress`, `session_not_active`, `session_full` or \
                `nothing_to_regenerate`",
        ),
        (
            status = 422,
            description = "`idempotency_key_reused`, `message_too_long`, `modality_not_supported` or \
                `context_length_exceeded`",
        ),
    ),
)]
pub(crate) async fn send_chat(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    body: ClientBody,
) -> Result<HttpResponse, Problem> {
    let max_bytes = state.settings().max_body_bytes;
    let key = idempotency_key(request.headers())?;
    let (send, origin) = body.parse::<ChatBody<'_>>()?.into_send(key, max_bytes)?;
    // The copy of the conversation is not needed any more, and another body can take its memory.
    drop(body);
    let names_tool = send.new_session.is_some();
    let principal = caller.clone();
    let sent = state.call(move |runtime| async move {
        runtime.chat(&principal.0, send).await.map_err(|error| match error {
            RuntimeError::Invalid(errors) => {
                RuntimeError::Invalid(errors.into_iter().map(|error| origin.locate(error)).collect())
            }
            error => error,
        })
    });
    let sent = sent.await.map_err(|problem| match problem.code {
        Code::NotFound if !names_tool => Problem::new(
            Code::NotFound,
            "there is no session with this id, or it is not visible to you; a `tool` in the body creates it",
        ),
        _ => problem,
    })?;
    stream_answer(&state, &caller, sent)
}

/// Resume a stream with the AI SDK.
///
/// The running turn of the session from its start, as `useChat` asks for it with `resume`. With a cursor, the stream
/// continues after it.
#[utoipa::path(
    get, path = "/api/chat/{session_id}/stream", tag = "ai-sdk",
    params(
        ("session_id" = Id, Path, description = "The session"),
        (
            "Last-Event-ID" = Option<SessionCursorText>, Header,
            description = "The `id` of the last frame that was read",
        ),
        (
            "starting_after" = Option<SessionCursorText>, Query,
            description = "Cursor after which the stream continues, for clients that cannot send `Last-Event-ID`; the \
                header takes precedence",
        ),
    ),
    responses(
        (status = 200, body = Frame, content_type = "text/event-stream", description = "The frames"),
        (status = 204, description = "No turn is running, or the cursor is that of the terminal frame"),
    ),
)]
pub(crate) async fn stream_chat(
    state: Data<AppState>,
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    query: Query<StreamParams>,
) -> Result<HttpResponse, Problem> {
    let id = session_id(&id).map_err(|detail| Problem::parameter("session_id", detail))?;
    let cursor = session_cursor(&request, query.0)?;
    let principal = Arc::clone(&caller.0);
    let reader =
        state.call(move |runtime| async move { runtime.stream_session(&caller.0, id, cursor).await }).await?;
    Ok(respond(&state, reader, &principal))
}
