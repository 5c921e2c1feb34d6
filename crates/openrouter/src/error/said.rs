//! What an error body says, gathered from all the places in which it is said.

use std::time::Duration;

use serde_json::Value;

use super::members;

/// What an error body says. Everything may be missing.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The status in the body: a code between 400 and 599, as a number or as text.
    pub(crate) status: Option<u16>,
    /// Words of the error vocabularies, the most trustworthy first.
    pub(crate) words: Vec<String>,
    /// The upstream's own sentence. It can quote the provider and the user.
    pub(crate) message: String,
    /// The provider's sentence or document.
    pub(crate) raw: String,
    /// The provider's name.
    pub(crate) provider: Option<String>,
    /// Why the model cannot be had.
    pub(crate) availability: Option<Availability>,
    /// Moderation gave reasons, or a guardrail gave patterns.
    pub(crate) flagged: bool,
    /// Which limit was hit, where that is said.
    pub(crate) limit_source: String,
    /// HTTP headers that were copied into the body, with names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The upstream's id of the request.
    pub(crate) request_id: Option<String>,
}

/// The upstream's account of a model that cannot be had.
#[derive(Debug)]
pub(crate) struct Availability {
    pub(crate) code: String,
    pub(crate) retryable: Option<bool>,
    pub(crate) retry_after: Option<Duration>,
}

impl Said {
    /// Reads a body: the upstream's envelope, or what other gateways send in its place.
    pub(crate) fn from_body(body: &Value) -> Option<Said> {
        let mut said = match body.get("error") {
            Some(error) if !error.is_null() => Said::from_error(error),
            _ => Said {
                message: ["message", "detail"].iter().find_map(|field| text(body.get(field)))?,
                ..Said::default()
            },
        };
        // The newer surfaces put these beside the error instead of into it.
        if let Some(word) = text(body.get("error_type")) {
            said.words.insert(0, word);
        }
        said.request_id = said.request_id.or_else(|| text(body.get("request_id")));
        Some(said)
    }

    /// Reads the value of an `error` field.
    pub(crate) fn from_error(error: &Value) -> Said {
        if !error.is_object() {
            return Said { message: text(Some(error)).unwrap_or_default(), ..Said::default() };
        }
        let none = Value::Null;
        let metadata = error.get("metadata").unwrap_or(&none);
        let code = text(error.get("code"));
        let status = |text: Option<&str>| text?.parse().ok().filter(|status| (400..600).contains(status));
        let words = [
            text(metadata.get("error_type")),
            text(error.get("error_type")),
            code.clone(),
            text(error.get("type")),
        ];
        Said {
            status: status(code.as_deref()).or(status(text(error.get("http_status")).as_deref())),
            words: words.into_iter().flatten().filter(|word| word.parse::<u64>().is_err()).collect(),
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

    /// All sentences in lower case, to look for what only they say.
    pub(crate) fn sentences(&self) -> String {
        format!("{} {} {}", self.message, self.raw, self.limit_source).to_lowercase()
    }

    /// What was said, for the logs. User ids, the flagged text and unknown members are left out by not being read.
    pub(crate) fn for_logs(&self) -> String {
        let labelled =
            |label: &str, text: &str| if text.is_empty() { String::new() } else { format!("{label}{text}") };
        let parts = [
            self.message.clone(),
            labelled("provider ", self.provider.as_deref().unwrap_or_default()),
            labelled("raw ", &self.raw),
            labelled("words ", &self.words.join(" ")),
            labelled(
                "availability ",
                self.availability.as_ref().map_or("", |availability| &availability.code),
            ),
        ];
        parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" | ")
    }
}

/// A text that says something, or a number's text.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The provider's own words: a sentence, an object, or an object inside a string.
fn raw(raw: &Value) -> String {
    match members::without_private_members(raw) {
        Value::Null => String::new(),
        Value::String(text) => text,
        value => value.to_string(),
    }
}

fn availability(value: &Value) -> Option<Availability> {
    value.is_object().then(|| Availability {
        code: text(value.get("code")).unwrap_or_default(),
        retryable: value.get("retryable").and_then(Value::as_bool),
        retry_after: text(value.get("retry_after")).as_deref().and_then(super::wait::seconds),
    })
}

fn headers(value: &Value) -> Vec<(String, String)> {
    let members = value.as_object().into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.to_lowercase(), text(Some(value))?))).collect()
}
