//! From whatever went wrong to one [`CompletionError`] that a caller can match on.
//!
//! `said` reads what an error body says, `vocabulary` knows the upstream's words, `classify` decides what it means,
//! `context` finds the numbers of a prompt that is too long, `wait` finds how long to wait, `redact` takes out
//! of the logs what must not be in them, through the `escapes` that hide it, and `members` what JSON names as private.

mod classify;
mod context;
mod escapes;
mod members;
mod redact;
mod said;
mod sentence;
mod vocabulary;
mod wait;

use causerie_domain::completion::{CompletionError, CompletionErrorKind};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

pub(crate) use self::redact::without;
use self::said::Said;
use crate::clock::wall;
use crate::wire::leaf::{self, Leaf};
use crate::wire::object::objects;

/// How much of a body that cannot be read is kept for the logs, in bytes.
pub(crate) const EXCERPT: usize = 500;

/// An answer whose status is an error.
pub(crate) fn refused(status: u16, headers: &HeaderMap, body: &[u8]) -> CompletionError {
    let text = String::from_utf8_lossy(body);
    let value: Option<Value> = leaf::parse(text.trim());
    let said = value.as_ref().and_then(Said::from_body);
    let mut error = match &said {
        Some(said) => build(Some(status), said),
        None => CompletionError {
            provider_text: provider_text(&readable(value.as_ref(), &text)),
            ..build(Some(status), &Said::default())
        },
    };
    error.status = Some(status);
    error.retry_after = wait::wait(headers, &said.unwrap_or_default(), wall());
    error.request_id = request_id(headers).or(error.request_id);
    error
}

/// The value of an `error` field inside an answer; `None` where it says that there is none.
pub(crate) fn in_band(error: &str) -> Option<CompletionError> {
    let Some(value) = leaf::parse::<Value>(error) else {
        // Nested too deeply to be read, and an error all the same.
        return Some(inside(&Said::default()));
    };
    match &value {
        Value::Null | Value::Bool(false) => None,
        Value::String(empty) if empty.is_empty() => None,
        error => Some(inside(&Said::from_error(error))),
    }
}

/// A response object of the `/responses` surface that failed.
pub(crate) fn failed_response(response: &str) -> CompletionError {
    let value: Value = leaf::parse(response).unwrap_or_default();
    inside(&Said::from_body(&value).unwrap_or_default())
}

/// Something that should have been an answer and cannot be read as one.
pub(crate) fn unreadable(message: &str, text: &str) -> CompletionError {
    CompletionError {
        provider_text: provider_text(&readable(leaf::parse(text.trim()).as_ref(), text)),
        ..CompletionError::new(CompletionErrorKind::InvalidResponse, message)
    }
}

/// An answer that ended without an end, and what was said in plain words instead.
pub(crate) fn interrupted(stray: &str) -> CompletionError {
    CompletionError {
        provider_text: provider_text(&readable(None, stray)),
        ..CompletionError::new(CompletionErrorKind::Interrupted, "the answer was cut before its end")
    }
}

/// The id under which the upstream accounts for a request, where the head named it.
pub(crate) fn generation_id(headers: &HeaderMap) -> Option<String> {
    header(headers, "x-generation-id")
}

/// The upstream's id of a request, for support tickets: the generation's, else the request's, else the edge's.
fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-generation-id", "x-request-id", "request-id", "cf-ray"]
        .into_iter()
        .find_map(|name| header(headers, name))
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// An error that came after the head said that all is well: its code takes the status's place.
fn inside(said: &Said) -> CompletionError {
    let mut error = build(said.status, said);
    error.status = said.status;
    error.retry_after = wait::wait(&HeaderMap::new(), said, wall());
    error
}

fn build(status: Option<u16>, said: &Said) -> CompletionError {
    let kind = classify::kind(status, said);
    let message = sentence::sentence(&kind, status, said);
    CompletionError {
        retryable: classify::is_retryable(&kind, status, said),
        provider_text: provider_text(&said.for_logs()),
        request_id: said.request_id.clone(),
        ..CompletionError::new(kind, message)
    }
}

/// The beginning of a body whose shape is unknown; of JSON, without the members that name people.
fn readable(value: Option<&Value>, text: &str) -> String {
    let text = match value {
        Some(value @ (Value::Object(_) | Value::Array(_))) => {
            members::without_private_members(value).to_string()
        }
        _ => text.trim().to_owned(),
    };
    redact::excerpt(members::before_private_members(&text), EXCERPT)
}

/// What the logs may hold of a text.
pub(crate) fn provider_text(text: &str) -> Option<String> {
    let text = members::before_private_members(text.trim());
    let text = redact::redacted(&redact::excerpt(text, 4 * EXCERPT));
    (!text.is_empty()).then_some(text)
}

/// A body that is one JSON document.
#[derive(Debug)]
pub(crate) struct Document<'a, T> {
    pub(crate) data: T,
    pub(crate) links: Leaf<'a>,
}

objects! {
    struct Envelope<'a> {
        data: Leaf<'a>,
        links: Leaf<'a>,
        error: Leaf<'a>,
    }
}

/// Reads a body that is one JSON document with data of a known shape.
///
/// # Errors
/// The error that the document carries, whatever its status said, or that it cannot be read.
pub(crate) fn document<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<Document<'a, T>, CompletionError> {
    let text = str::from_utf8(body).map_err(|_| unreadable("the answer is not valid UTF-8", ""))?;
    let envelope: Option<Envelope<'a>> = serde_json::from_str(text).ok();
    let Envelope { data, links, error } = envelope.unwrap_or_default();
    if let Some(error) = error.and_then(|error| in_band(error.get())) {
        return Err(error);
    }
    let data = data.and_then(|data| serde_json::from_str(data.get()).ok());
    let data = data.ok_or_else(|| unreadable("the answer has an unknown shape", text))?;
    Ok(Document { data, links })
}
