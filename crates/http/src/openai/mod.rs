//! The OpenAI-compatible API below `/v1`: its error format and its streams.

mod answer;
mod envelope;
mod schema;

pub(crate) use answer::{AnswerBody, AnswerStream, Delivery, StreamFormat, failure};
pub(crate) use envelope::{ErrorEnvelope, render, status_of};
pub(crate) use schema::MessageSchema;

/// Prefix of the paths.
const PREFIX: &str = "/v1";

/// What the API offers, for responses to other paths.
pub(crate) const OFFERED: &str =
    "this server offers POST /v1/chat/completions, GET /v1/models and GET /v1/models/{id}";

/// Returns whether a path belongs to the API.
pub(crate) fn is_below(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
