//! The body of an error, read from all the fields in which upstreams and gateways put its parts.

use std::time::Duration;

use serde_json::Value;

use super::{redact, retry_after};

/// The parts of an error body. All of them are optional.
#[derive(Debug, Default)]
pub(super) struct ErrorBody {
    /// Status in the body: a code between 400 and 599, as a number or as text.
    pub(super) status: Option<u16>,
    /// Error codes, the most reliable first.
    pub(super) codes: Vec<String>,
    /// The upstream's message. It can quote the provider and the user.
    pub(super) message: String,
    /// The provider's message or document.
    pub(super) raw: String,
    /// Name of the provider.
    pub(super) provider: Option<String>,
    /// Why the model is not available.
    pub(super) availability: Option<Availability>,
    /// Whether moderation gave reasons or a guardrail gave patterns.
    pub(super) flagged: bool,
    /// Name of the exceeded limit; may be empty.
    pub(super) limit_source: String,
    /// HTTP headers that the upstream copied into the body, with names in lower case.
    pub(super) headers: Vec<(String, String)>,
    /// The upstream's id of the request.
    pub(super) request_id: Option<String>,
    /// Whether the error is an object in the format of the upstream.
    pub(super) is_error_object: bool,
}

/// The `availability` object: why a model is not available.
#[derive(Debug)]
pub(super) struct Availability {
    pub(super) code: String,
    pub(super) retryable: Option<bool>,
    pub(super) retry_after: Option<Duration>,
}

impl ErrorBody {
    /// Reads a whole body: the upstream's envelope, or the formats of other gateways.
    pub(super) fn from_body(body: &Value) -> Option<ErrorBody> {
        let mut error_body = match body.get("error") {
            Some(error) if !error.is_null() => ErrorBody::from_error(error),
            _ => ErrorBody {
                message: ["message", "detail"].iter().find_map(|field| text(body.get(field)))?,
                ..ErrorBody::default()
            },
        };
        // The newer APIs put these fields beside the error object instead of into it.
        if let Some(code) = text(body.get("error_type")) {
            error_body.codes.insert(0, code);
        }
        error_body.request_id = error_body.request_id.or_else(|| text(body.get("request_id")));
        Some(error_body)
    }

    /// Reads the value of an `error` field.
    pub(super) fn from_error(error: &Value) -> ErrorBody {
        if !error.is_object() {
            return ErrorBody { message: text(Some(error)).unwrap_or_default(), ..ErrorBody::default() };
        }
        let none = Value::Null;
        let metadata = error.get("metadata").unwrap_or(&none);
        let code = text(error.get("code"));
        let status = |text: Option<&str>| text?.parse().ok().filter(|status| (400..600).contains(status));
        let codes = [
            text(metadata.get("error_type")),
            text(error.get("error_type")),
            code.clone(),
            text(error.get("type")),
        ];
        ErrorBody {
            is_error_object: true,
            status: status(code.as_deref()).or(status(text(error.get("http_status")).as_deref())),
            codes: codes.into_iter().flatten().filter(|code| code.parse::<u64>().is_err()).collect(),
            message: text(error.get("message")).unwrap_or_default(),
            raw: raw(metadata.get("raw").unwrap_or(&none)),
            provider: text(metadata.get("provider_name")),
            availability: error.get("availability").or(metadata.get("availability")).and_then(availability),
            flagged: ["reasons", "patterns"]
                .iter()
                .any(|field| metadata.get(field).is_some_and(Value::is_array)),
            limit_source: text(metadata.get("limit_source")).unwrap_or_default(),
            headers: headers(metadata.get("headers").unwrap_or(&none)),
            request_id: text(error.get("request_id")).or_else(|| text(metadata.get("request_id"))),
        }
    }

    /// Returns all texts in lower case, for searching.
    pub(super) fn search_text(&self) -> String {
        format!("{} {} {}", self.message, self.raw, self.limit_source).to_lowercase()
    }

    /// Returns the text for the logs. User ids, flagged input and unknown fields are not part of it.
    pub(super) fn log_text(&self) -> String {
        let labelled =
            |label: &str, text: &str| if text.is_empty() { String::new() } else { format!("{label}{text}") };
        let parts = [
            self.message.clone(),
            labelled("provider ", self.provider.as_deref().unwrap_or_default()),
            labelled("raw ", &self.raw),
            labelled("codes ", &self.codes.join(" ")),
            labelled(
                "availability ",
                self.availability.as_ref().map_or("", |availability| &availability.code),
            ),
        ];
        parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" | ")
    }
}

/// Reads a non-empty string or a number as text.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Reads the provider's message: a sentence, an object, or an object inside a string.
fn raw(raw: &Value) -> String {
    match redact::remove_private_fields(raw) {
        Value::Null => String::new(),
        Value::String(text) => text,
        value => value.to_string(),
    }
}

fn availability(value: &Value) -> Option<Availability> {
    value.is_object().then(|| Availability {
        code: text(value.get("code")).unwrap_or_default(),
        retryable: value.get("retryable").and_then(Value::as_bool),
        retry_after: text(value.get("retry_after")).as_deref().and_then(retry_after::parse_seconds),
    })
}

fn headers(value: &Value) -> Vec<(String, String)> {
    let members = value.as_object().into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.to_lowercase(), text(Some(value))?))).collect()
}
