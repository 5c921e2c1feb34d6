//! Following and resuming the stream of a turn.

use std::sync::Arc;

use actix_web::http::header::HeaderName;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use causerie_domain::principal::Principal;
use causerie_domain::{SessionId, TurnId};
use causerie_runtime::{CursorPosition, ReaderRight, TurnCursor, TurnReader};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::auth::Caller;
use crate::dto::Id;
use crate::dto::text::{SessionCursorText, TurnCursorText};
use crate::error::Problem;
use crate::request::{PathId, Query};
use crate::sse::{self, Frame};
use crate::state::AppState;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Parameters of a stream.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamParams {
    /// Cursor after which the stream continues, for clients that cannot send `Last-Event-ID`; the header takes
    /// precedence. Like the header it can be empty. In the stream of a turn it can be the position alone.
    starting_after: Option<String>,
    /// Ticket of the stream, which authentication has checked. The document describes it as a security scheme.
    #[serde(rename = "ticket")]
    _ticket: Option<IgnoredAny>,
}

/// Follow a session's turn.
///
/// With a cursor, which is the `id` of any frame, the stream continues the turn of that frame after it, whether the
/// turn is running or has ended. Without a cursor it is the running turn from its start.
#[utoipa::path(
    get, path = "/sessions/{id}/stream", tag = "streams",
    params(
        ("id" = Id, Path, description = "The session"),
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
        (
            status = 200, body = Frame, content_type = "text/event-stream",
            description = "The frames after the cursor",
        ),
        (status = 204, description = "No turn is running, or the cursor is that of the terminal frame"),
    ),
)]
pub(crate) async fn stream_session(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<SessionId>,
    request: HttpRequest,
    query: Query<StreamParams>,
) -> Result<HttpResponse, Problem> {
    let cursor = session_cursor(&request, query.0)?;
    let principal = Arc::clone(&caller.0);
    let reader = state
        .call(move |runtime| async move { runtime.stream_session(&caller.0, id.0, cursor).await })
        .await?;
    Ok(respond(&state, reader, &principal))
}

/// Follow a turn.
///
/// From its start or after a cursor, whether the turn is running or has ended.
#[utoipa::path(
    get, path = "/turns/{id}/stream", tag = "streams",
    params(
        ("id" = Id, Path, description = "The turn"),
        (
            "Last-Event-ID" = Option<TurnCursorText>, Header,
            description = "The `id` of the last frame that was read",
        ),
        (
            "starting_after" = Option<TurnCursorText>, Query,
            description = "Cursor after which the stream continues, for clients that cannot send `Last-Event-ID`; the \
                header takes precedence",
        ),
    ),
    responses(
        (
            status = 200, body = Frame, content_type = "text/event-stream",
            description = "The frames after the cursor",
        ),
        (status = 204, description = "The cursor is that of the terminal frame"),
    ),
)]
pub(crate) async fn stream_turn(
    state: Data<AppState>,
    caller: Caller,
    id: PathId<TurnId>,
    request: HttpRequest,
    query: Query<StreamParams>,
) -> Result<HttpResponse, Problem> {
    let position = match given_cursor(&request, query.0)? {
        Some((name, text)) => {
            Some(parse_position(id.0, &text).map_err(|detail| Problem::parameter(name, detail))?)
        }
        None => None,
    };
    let principal = Arc::clone(&caller.0);
    let reader = state
        .call(move |runtime| async move { runtime.stream_turn(&caller.0, id.0, position).await })
        .await?;
    Ok(respond(&state, reader, &principal))
}

/// Returns the cursor of a request for the stream of a session.
pub(super) fn session_cursor(
    request: &HttpRequest,
    query: StreamParams,
) -> Result<Option<TurnCursor>, Problem> {
    match given_cursor(request, query)? {
        Some((name, text)) => Ok(Some(text.parse().map_err(|error| Problem::parameter(name, error))?)),
        None => Ok(None),
    }
}

/// Returns the cursor of a request, after the name of its parameter or header.
///
/// A browser that reconnects repeats the query of its first request and adds the header, so the header is newer.
fn given_cursor(
    request: &HttpRequest,
    query: StreamParams,
) -> Result<Option<(&'static str, String)>, Problem> {
    let header = match request.headers().get(&LAST_EVENT_ID).map(|value| value.to_str()) {
        Some(Ok("")) | None => None,
        Some(Ok(text)) => Some(("Last-Event-ID", text.to_owned())),
        Some(Err(_)) => return Err(Problem::parameter("Last-Event-ID", "it is not ASCII text")),
    };
    let parameter = query.starting_after.filter(|text| !text.is_empty());
    Ok(header.or(parameter.map(|text| ("starting_after", text))))
}

/// Parses a position in a turn: a complete cursor, or the position alone.
fn parse_position(turn: TurnId, text: &str) -> Result<CursorPosition, String> {
    if !text.contains(':') {
        return text.parse::<CursorPosition>().map_err(|error| error.to_string());
    }
    let cursor: TurnCursor =
        text.parse().map_err(|error: causerie_runtime::InvalidCursor| error.to_string())?;
    if cursor.turn_id == turn { Ok(cursor.position) } else { Err("it belongs to another turn".to_owned()) }
}

/// Responds with the stream; 204 without one.
pub(super) fn respond(state: &AppState, reader: Option<TurnReader>, principal: &Principal) -> HttpResponse {
    match reader {
        Some(reader) => sse::stream(state, reader, principal, ReaderRight::Read),
        None => HttpResponse::NoContent().finish(),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const TURN: &str = "01990000-0000-7000-8000-000000000001";

    #[test]
    fn the_header_takes_precedence_over_the_query() {
        let check = |query: &str, header: Option<&str>, expected: Option<(&str, &str)>| {
            let request = TestRequest::with_uri(&format!("/{query}"));
            let request = header
                .iter()
                .fold(request, |request, value| request.append_header(("last-event-id", *value)));
            let request = request.to_http_request();
            let Query(query) = Query::of(&request).unwrap();
            let given = given_cursor(&request, query).unwrap();
            assert_eq!(given.as_ref().map(|(name, text)| (*name, text.as_str())), expected);
        };
        check("", None, None);
        check("", Some(""), None);
        check("?starting_after=7", None, Some(("starting_after", "7")));
        check("?starting_after=", None, None);
        check("?starting_after=7", Some(""), Some(("starting_after", "7")));
        check("?starting_after=7", Some("t:9"), Some(("Last-Event-ID", "t:9")));
    }

    #[test]
    fn a_position_in_a_turn_is_its_cursor_or_a_number() {
        let turn: TurnId = TURN.parse().unwrap();
        assert_eq!(parse_position(turn, "12"), Ok(CursorPosition::At(12)));
        assert_eq!(parse_position(turn, "end"), Ok(CursorPosition::End));
        assert_eq!(parse_position(turn, &format!("{TURN}:12")), Ok(CursorPosition::At(12)));
        assert_eq!(parse_position(turn, &format!("{TURN}:end")), Ok(CursorPosition::End));
        for text in
            ["", "x", "-1", ":", "x:1", &format!("{TURN}:x"), &format!("{}:1", TURN.replace('9', "8"))]
        {
            assert!(parse_position(turn, text).is_err(), "{text}");
        }
    }
}
