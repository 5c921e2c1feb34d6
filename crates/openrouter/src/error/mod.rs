//! Converts failures to [`CompletionError`], and redacts the texts of upstreams.
//!
//! `error_body` parses error bodies, `codes` lists the known error codes, `classify` chooses the kind, `context_length`
//! finds the numbers of a prompt that is too long, `retry_after` finds the time to wait, `message` writes the text for
//! clients, and `redact` removes secrets and personal data from the text for logs.

mod classify;
mod codes;
mod context_length;
mod error_body;
mod message;
mod redact;
mod retry_after;

use causerie_domain::completion::{CompletionError, CompletionErrorKind};
use reqwest::header::HeaderMap;
use serde_json::Value;

use self::error_body::ErrorBody;
pub(crate) use self::redact::redact_secret;
use self::redact::{before_private_fields, remove_private_fields};
use crate::clock::wall;
use crate::wire::raw_field;

/// Maximum length of an excerpt from a body that cannot be decoded, in bytes.
pub(crate) const MAX_EXCERPT_BYTES: usize = 500;

/// Maximum length of an id of the upstream, in bytes. Longer ones are no ids.
const MAX_ID_BYTES: usize = 128;

/// Creates the error of a response with an error status.
pub(crate) fn from_response(status: u16, headers: &HeaderMap, body: &[u8]) -> CompletionError {
    let text = String::from_utf8_lossy(body);
    let value: Option<Value> = raw_field::parse_lossy(text.trim());
    let error_body = value.as_ref().and_then(ErrorBody::from_body);
    let mut error = match &error_body {
        Some(error_body) => build(Some(status), error_body),
        None => CompletionError {
            provider_text: log_text(&excerpt(value.as_ref(), &text)),
            ..build(Some(status), &ErrorBody::default())
        },
    };
    if error.kind == CompletionErrorKind::InvalidResponse && classify::is_missing(status) {
        let text = error.provider_text.take().unwrap_or_default();
        error.provider_text = Some(format!("no such route, check AI_GATEWAY_URL: {text}"));
    }
    error.status = Some(status);
    error.retry_after = retry_after::find(headers, &error_body.unwrap_or_default(), wall());
    error.request_id = request_id(headers).or(error.request_id);
    error
}

/// Creates the error in the `error` field of a successful response; `None` if the field means no error.
pub(crate) fn from_error_field(error: &str) -> Option<CompletionError> {
    let Some(value) = raw_field::parse_lossy::<Value>(error) else {
        // A value that is nested too deeply to be parsed is still an error.
        return Some(from_error_body(&ErrorBody::default()));
    };
    match &value {
        Value::Null | Value::Bool(false) => None,
        Value::String(empty) if empty.is_empty() => None,
        error => Some(from_error_body(&ErrorBody::from_error(error))),
    }
}

/// Creates the error of a failed response object of the Responses API.
pub(crate) fn from_failed_response(response: &str) -> CompletionError {
    let value: Value = raw_field::parse_lossy(response).unwrap_or_default();
    from_error_body(&ErrorBody::from_body(&value).unwrap_or_default())
}

/// Creates the error of a response that cannot be decoded. `text` is its body, of which the logs get a description.
pub(crate) fn invalid_response(message: &str, text: &str) -> CompletionError {
    CompletionError {
        provider_text: log_text(&describe(text)),
        ..CompletionError::new(CompletionErrorKind::InvalidResponse, message)
    }
}

/// Creates the error of an event that cannot be decoded. Its text is a part of the answer, so that the logs get only its
/// length.
pub(crate) fn invalid_event(message: &str, event: &[u8]) -> CompletionError {
    CompletionError {
        provider_text: Some(format!("an event of {} bytes", event.len())),
        ..CompletionError::new(CompletionErrorKind::InvalidResponse, message)
    }
}

/// Creates the error of a stream that broke off. `non_event_text` is the plain text in the stream, for the logs.
pub(crate) fn interrupted(non_event_text: &str) -> CompletionError {
    CompletionError {
        provider_text: log_text(&describe(non_event_text)),
        ..CompletionError::new(CompletionErrorKind::Interrupted, "the answer was cut before its end")
    }
}

/// Returns the generation id of the headers, under which the upstream accounts for a request.
pub(crate) fn generation_id(headers: &HeaderMap) -> Option<String> {
    header(headers, "x-generation-id")
}

/// Returns the upstream's id of a request, for support: the generation's, else the request's, else the edge's.
fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-generation-id", "x-request-id", "request-id", "cf-ray"]
        .into_iter()
        .find_map(|name| header(headers, name))
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    is_id(text).then(|| text.to_owned())
}

/// Returns whether a text can be an id: it is short and has no spaces.
fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Creates an error that came after a success status: its numeric code takes the place of the status.
fn from_error_body(body: &ErrorBody) -> CompletionError {
    let mut error = build(body.status, body);
    error.status = body.status;
    error.retry_after = retry_after::find(&HeaderMap::new(), body, wall());
    error
}

fn build(status: Option<u16>, body: &ErrorBody) -> CompletionError {
    let kind = classify::kind(status, body);
    let message = message::client_message(&kind, status, body);
    CompletionError {
        retryable: classify::is_retryable(&kind, status, body),
        provider_text: log_text(&body.log_text()),
        request_id: body.request_id.clone().filter(|id| is_id(id)),
        ..CompletionError::new(kind, message)
    }
}

/// Returns what the logs may have of the body of a success: the error that it reports, the beginning of a page, or the
/// first line of a text. Other JSON and data can be a part of the answer, so that only their length is returned.
fn describe(text: &str) -> String {
    let text = text.trim();
    if text.starts_with('<') {
        return excerpt(None, text);
    }
    if text.starts_with(['{', '[', '"']) || text.starts_with("data:") {
        let value: Option<Value> = raw_field::parse_lossy(text);
        let error = value.as_ref().and_then(ErrorBody::from_body);
        return error.map_or_else(|| format!("JSON of {} bytes", text.len()), |error| error.log_text());
    }
    excerpt(None, text.lines().next().unwrap_or_default())
}

/// Returns the beginning of a body of unknown shape, without private fields.
fn excerpt(value: Option<&Value>, text: &str) -> String {
    let text = match value {
        Some(value @ (Value::Object(_) | Value::Array(_))) => remove_private_fields(value).to_string(),
        _ => before_binary(text.trim()),
    };
    redact::truncate(before_private_fields(&text), MAX_EXCERPT_BYTES)
}

/// Returns the part of a text before its first character that no text has, or a note that there is none.
fn before_binary(text: &str) -> String {
    let is_binary =
        |one: char| one.is_control() && !one.is_whitespace() || one == char::REPLACEMENT_CHARACTER;
    match text.find(is_binary) {
        None => text.to_owned(),
        Some(0) => "bytes that are no text".to_owned(),
        Some(at) => text[..at].to_owned(),
    }
}

/// Returns the part of a text that logs may hold: shortened and redacted; `None` if nothing is left. It may still quote
/// the request, which the caller of the gateway knows.
pub(crate) fn log_text(text: &str) -> Option<String> {
    let text = before_binary(text.trim());
    let text = before_private_fields(&text);
    let text = redact::redact(&redact::truncate(text, 4 * MAX_EXCERPT_BYTES));
    (!text.is_empty()).then_some(text)
}
