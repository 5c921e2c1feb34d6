//! Decoders of the JSON documents of the API that are not completions: the envelope, the key, the credits and
//! generation records.
//!
//! The catalog of models has the same envelope and a module of its own.

mod account;
mod generation;

use causerie_domain::completion::CompletionError;
use serde::Deserialize;

pub use self::account::{Credits, KeyStatus};
pub(crate) use self::account::{decode_credits, decode_key};
pub use self::generation::decode as decode_generation;
use crate::error;
use crate::wire::object::wire_objects;
use crate::wire::raw_field::RawField;

/// A document with data of a known shape.
#[derive(Debug)]
pub(crate) struct Document<'a, T> {
    pub(crate) data: T,
    pub(crate) links: RawField<'a>,
}

wire_objects! {
    struct Envelope<'a> {
        data: RawField<'a>,
        links: RawField<'a>,
        error: RawField<'a>,
    }
}

/// Parses a body `{"data": …, "links": …}`.
///
/// # Errors
/// The error in the body's `error` field, even with a success status;
/// [`CompletionErrorKind::InvalidResponse`](causerie_domain::completion::CompletionErrorKind::InvalidResponse) if the
/// body is not UTF-8 or has another shape.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<Document<'a, T>, CompletionError> {
    let text = str::from_utf8(body)
        .map_err(|_| error::invalid_response("the upstream's response is not valid UTF-8", ""))?;
    let envelope: Option<Envelope<'a>> = serde_json::from_str(text).ok();
    let Envelope { data, links, error } = envelope.unwrap_or_default();
    if let Some(error) = error.and_then(|error| error::from_error_field(error.get())) {
        return Err(error);
    }
    let data = data.and_then(|data| serde_json::from_str(data.get()).ok());
    let data =
        data.ok_or_else(|| error::invalid_response("the upstream's response has an unexpected shape", text))?;
    Ok(Document { data, links })
}
