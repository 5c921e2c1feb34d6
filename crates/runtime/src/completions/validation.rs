//! Validation of the types of a completion request. Ranges and unknown parameters are left to the upstream.

use serde_json::value::RawValue;

use super::members::{Members, Readable, elements, string};
use crate::core::error::{FieldError, RuntimeError};

/// Maximum number of messages, and of elements of any list that is read.
const MAX_ELEMENTS: usize = 100_000;
/// Maximum length of a model id in bytes, as in the catalog.
const MAX_MODEL_BYTES: usize = 255;

/// Type of a parameter. `null` is the same as its absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Number,
    Integer,
    Boolean,
    Object,
    Array,
    TextOrTexts,
    Texts,
    TextOrObject,
}

/// Parameters with a known type.
const PARAMETERS: &[(&str, Type)] = &[
    ("frequency_penalty", Type::Number),
    ("audio", Type::Object),
    ("functions", Type::Array),
    ("function_call", Type::TextOrObject),
    ("include_reasoning", Type::Boolean),
    ("logit_bias", Type::Object),
    ("logprobs", Type::Boolean),
    ("max_completion_tokens", Type::Integer),
    ("max_tokens", Type::Integer),
    ("metadata", Type::Object),
    ("min_p", Type::Number),
    ("modalities", Type::Texts),
    ("models", Type::Texts),
    ("n", Type::Integer),
    ("parallel_tool_calls", Type::Boolean),
    ("plugins", Type::Array),
    ("prediction", Type::Object),
    ("presence_penalty", Type::Number),
    ("preset", Type::Text),
    ("provider", Type::Object),
    ("reasoning", Type::Object),
    ("reasoning_effort", Type::Text),
    ("repetition_penalty", Type::Number),
    ("response_format", Type::Object),
    ("seed", Type::Integer),
    ("route", Type::Text),
    ("service_tier", Type::Text),
    ("session_id", Type::Text),
    ("stop", Type::TextOrTexts),
    ("store", Type::Boolean),
    ("stream", Type::Boolean),
    ("stream_options", Type::Object),
    ("temperature", Type::Number),
    ("tool_choice", Type::TextOrObject),
    ("tools", Type::Array),
    ("top_a", Type::Number),
    ("top_k", Type::Integer),
    ("top_logprobs", Type::Integer),
    ("top_p", Type::Number),
    ("transforms", Type::Texts),
    ("user", Type::Text),
    ("verbosity", Type::Text),
    ("web_search_options", Type::Object),
];

const ROLES: [&str; 6] = ["developer", "system", "user", "assistant", "tool", "function"];

/// Returns the members of a request body with valid types.
///
/// # Errors
/// [`RuntimeError::Invalid`] with the first error.
pub(super) fn parse(body: &str) -> Result<Members<'_>, RuntimeError> {
    // What one parser cannot read could be checked here as absent and be read by the upstream.
    serde_json::from_str::<Readable>(body)
        .map_err(|error| RuntimeError::invalid("", format!("is not JSON: {error}")))?;
    let members: Members<'_> = serde_json::from_str(body).map_err(|error| {
        let text = error.to_string();
        let member = text.strip_prefix("duplicate field `").and_then(|rest| rest.split_once('`'));
        match member {
            Some((name, _)) => RuntimeError::invalid(format!("/{name}"), "occurs twice"),
            None => RuntimeError::invalid("", format!("is not a JSON object: {text}")),
        }
    })?;
    model(&members)?;
    messages(&members)?;
    for (name, expected) in PARAMETERS {
        if let Some(json) = members.get(name) {
            check_type(&format!("/{name}"), json, *expected)?;
        }
    }
    // The answer of one choice has one usage; several are several answers.
    if members.get("n").is_some_and(|n| n != "1") {
        return Err(RuntimeError::invalid("/n", "must be 1: an answer has one choice"));
    }
    if let Some(options) = object(&members, "stream_options")?
        && let Some(json) = options.get("include_usage")
    {
        check_type("/stream_options/include_usage", json, Type::Boolean)?;
    }
    if let Some(format) = object(&members, "response_format")? {
        required_text(&format, "/response_format", "type")?;
    }
    if let Some(provider) = object(&members, "provider")?
        && let Some(json) = provider.get("require_parameters")
    {
        check_type("/provider/require_parameters", json, Type::Boolean)?;
    }
    for (index, plugin) in list(&members, "plugins")?.into_iter().enumerate() {
        object_at(&format!("/plugins/{index}"), plugin.get())?;
    }
    for (index, tool) in list(&members, "tools")?.into_iter().enumerate() {
        self::tool(&format!("/tools/{index}"), tool)?;
    }
    Ok(members)
}

fn model(members: &Members<'_>) -> Result<(), RuntimeError> {
    let id = required_text(members, "", "model")?;
    if id.is_empty() || id.len() > MAX_MODEL_BYTES || id.contains(char::is_control) {
        let detail = format!("is not 1 to {MAX_MODEL_BYTES} printable characters");
        return Err(RuntimeError::invalid("/model", detail));
    }
    Ok(())
}

fn messages(members: &Members<'_>) -> Result<(), RuntimeError> {
    let Some(json) = members.get("messages") else {
        return Err(RuntimeError::invalid("/messages", "is missing"));
    };
    check_type("/messages", json, Type::Array)?;
    let messages = list(members, "messages")?;
    if messages.is_empty() {
        return Err(RuntimeError::invalid("/messages", "is empty"));
    }
    let checked = messages.into_iter().enumerate();
    checked.into_iter().try_for_each(|(index, message)| self::message(&format!("/messages/{index}"), message))
}

fn message(at: &str, json: &RawValue) -> Result<(), RuntimeError> {
    let message = object_at(at, json.get())?;
    let role = required_text(&message, at, "role")?;
    if !ROLES.contains(&role.as_str()) {
        return Err(RuntimeError::invalid(
            format!("{at}/role"),
            format!("is not one of {}", ROLES.join(", ")),
        ));
    }
    let of_content = format!("{at}/content");
    match message.get("content") {
        Some(text) if text.starts_with('"') => {}
        Some(parts) if parts.starts_with('[') => {
            for (index, part) in list(&message, "content")?.into_iter().enumerate() {
                content_part(&format!("{of_content}/{index}"), part)?;
            }
        }
        Some(_) => return Err(RuntimeError::invalid(of_content, "is neither a string nor an array")),
        None if matches!(role.as_str(), "assistant" | "function") => {}
        None => return Err(RuntimeError::invalid(of_content, "is missing")),
    }
    if let Some(json) = message.get("name") {
        check_type(&format!("{at}/name"), json, Type::Text)?;
    }
    for (name, expected) in [("refusal", Type::Text), ("function_call", Type::Object)] {
        if let Some(json) = message.get(name) {
            check_type(&format!("{at}/{name}"), json, expected)?;
        }
    }
    if role == "tool" {
        required_text(&message, at, "tool_call_id")?;
    }
    if let Some(json) = message.get("tool_calls") {
        check_type(&format!("{at}/tool_calls"), json, Type::Array)?;
    }
    for (index, call) in list(&message, "tool_calls")?.into_iter().enumerate() {
        function_call(&format!("{at}/tool_calls/{index}"), call)?;
    }
    Ok(())
}

fn content_part(at: &str, json: &RawValue) -> Result<(), RuntimeError> {
    let part = object_at(at, json.get())?;
    let of_part = |member: &str, inner: Option<&str>| {
        let Some(json) = part.get(member) else {
            return Err(RuntimeError::invalid(format!("{at}/{member}"), "is missing"));
        };
        let at = format!("{at}/{member}");
        match inner {
            Some(inner) => required_text(&object_at(&at, json)?, &at, inner).map(drop),
            None => check_type(&at, json, Type::Text),
        }
    };
    match required_text(&part, at, "type")?.as_str() {
        "text" => of_part("text", None),
        "refusal" => of_part("refusal", None),
        "image_url" => of_part("image_url", Some("url")),
        "video_url" => of_part("video_url", Some("url")),
        "input_audio" => of_part("input_audio", Some("data")),
        "file" => object_at(&format!("{at}/file"), part.get("file").unwrap_or("null")).map(drop),
        _ => Ok(()),
    }
}

fn function_call(at: &str, json: &RawValue) -> Result<(), RuntimeError> {
    let call = object_at(at, json.get())?;
    required_text(&call, at, "id")?;
    let Some(function) = call.get("function") else {
        return if call.get("custom").is_some() {
            Ok(())
        } else {
            Err(RuntimeError::invalid(format!("{at}/function"), "is missing"))
        };
    };
    let at = format!("{at}/function");
    let function = object_at(&at, function)?;
    required_text(&function, &at, "name")?;
    required_text(&function, &at, "arguments").map(drop)
}

fn tool(at: &str, json: &RawValue) -> Result<(), RuntimeError> {
    let tool = object_at(at, json.get())?;
    if required_text(&tool, at, "type")? != "function" {
        return Ok(());
    }
    let at = format!("{at}/function");
    let function = object_at(&at, tool.get("function").unwrap_or("null"))?;
    required_text(&function, &at, "name")?;
    match function.get("parameters") {
        Some(json) => check_type(&format!("{at}/parameters"), json, Type::Object),
        None => Ok(()),
    }
}

/// Returns the elements of a list; an absent one is empty.
///
/// # Errors
/// [`RuntimeError::Invalid`] for more than [`MAX_ELEMENTS`].
pub(super) fn list<'a>(members: &Members<'a>, name: &str) -> Result<Vec<&'a RawValue>, RuntimeError> {
    let found = members.get(name).and_then(elements).unwrap_or_default();
    if found.len() > MAX_ELEMENTS {
        let detail = format!("has more than {MAX_ELEMENTS} elements");
        return Err(RuntimeError::invalid(format!("/{name}"), detail));
    }
    Ok(found)
}

/// Returns the members of an object; `None` if it is absent.
///
/// # Errors
/// [`RuntimeError::Invalid`].
pub(super) fn object<'a>(members: &Members<'a>, name: &str) -> Result<Option<Members<'a>>, RuntimeError> {
    members.get(name).map(|json| object_at(&format!("/{name}"), json)).transpose()
}

/// Returns the members of the object at a position.
///
/// # Errors
/// [`RuntimeError::Invalid`].
pub(super) fn object_at<'a>(at: &str, json: &'a str) -> Result<Members<'a>, RuntimeError> {
    if json == "null" {
        return Err(RuntimeError::invalid(at, "is missing"));
    }
    check_type(at, json, Type::Object)?;
    serde_json::from_str(json).map_err(|error| RuntimeError::invalid(at, error.to_string()))
}

fn required_text(members: &Members<'_>, at: &str, name: &str) -> Result<String, RuntimeError> {
    let at = format!("{at}/{name}");
    match members.get(name) {
        None => Err(RuntimeError::invalid(at, "is missing")),
        Some(json) => string(json).ok_or_else(|| RuntimeError::invalid(at, "is not a string")),
    }
}

fn check_type(at: &str, json: &str, expected: Type) -> Result<(), RuntimeError> {
    let is_text = json.starts_with('"');
    let is_texts = || elements(json).is_some_and(|all| all.iter().all(|one| one.get().starts_with('"')));
    let is_number = json.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let (is_valid, name) = match expected {
        Type::Text => (is_text, "a string"),
        Type::Number => (is_number, "a number"),
        Type::Integer => (is_number && !json.contains(['.', 'e', 'E']), "an integer"),
        Type::Boolean => (matches!(json, "true" | "false"), "a boolean"),
        Type::Object => (json.starts_with('{'), "an object"),
        Type::Array => (json.starts_with('['), "an array"),
        Type::TextOrTexts => (is_text || is_texts(), "a string or an array of strings"),
        Type::Texts => (is_texts(), "an array of strings"),
        Type::TextOrObject => (is_text || json.starts_with('{'), "a string or an object"),
    };
    if is_valid {
        return Ok(());
    }
    Err(RuntimeError::Invalid(vec![FieldError { pointer: at.to_owned(), detail: format!("is not {name}") }]))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn with(name: &str, value: Value) -> String {
        let mut body = json!({"model": "a/b", "messages": [{"role": "user", "content": "Hi"}]});
        body[name] = value;
        body.to_string()
    }

    fn error_of(body: &str) -> Option<String> {
        match parse(body) {
            Ok(_) => None,
            Err(RuntimeError::Invalid(errors)) => Some(errors[0].pointer.clone()),
            Err(error) => panic!("{error:?}"),
        }
    }

    #[test]
    fn valid_requests_pass_including_unknown_and_old_parameters() {
        for (name, value) in [
            ("n", json!(1)),
            ("n", Value::Null),
            ("stop", json!("a")),
            ("stop", json!(["a", "b"])),
            ("max_tokens", json!(0)),
            ("temperature", json!(99)),
            ("functions", json!([{"name": "f"}])),
            ("stream_options", json!({"include_usage": true})),
            ("something_new", json!([1])),
            ("tools", json!([{"type": "function", "function": {"name": "f", "parameters": {}}}])),
            ("tools", json!([{"type": "openrouter:web_search"}])),
            (
                "messages",
                json!([
                    {"role": "developer", "content": "a"},
                    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:"}}]},
                    {"role": "assistant", "content": null, "tool_calls": [
                        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                    {"role": "tool", "tool_call_id": "c", "content": "a"},
                ]),
            ),
        ] {
            let body = with(name, value);
            assert_eq!(error_of(&body), None, "{body}");
        }
    }

    #[test]
    fn an_error_names_its_position() {
        for (name, value, pointer) in [
            ("n", json!(2), "/n"),
            ("n", json!("1"), "/n"),
            ("model", Value::Null, "/model"),
            ("model", json!(""), "/model"),
            ("model", json!("a\u{0}"), "/model"),
            ("model", json!(["a"]), "/model"),
            ("temperature", json!("hot"), "/temperature"),
            ("max_tokens", json!(1.5), "/max_tokens"),
            ("stop", json!([1]), "/stop"),
            ("stream", json!("yes"), "/stream"),
            ("plugins", json!([1]), "/plugins/0"),
            ("provider", json!({"require_parameters": "yes"}), "/provider/require_parameters"),
            ("stream_options", json!({"include_usage": 1}), "/stream_options/include_usage"),
            ("response_format", json!({}), "/response_format/type"),
            ("tools", json!({}), "/tools"),
            ("tools", json!([{"type": "function"}]), "/tools/0/function"),
            ("tools", json!([{"type": "function", "function": {}}]), "/tools/0/function/name"),
            ("messages", json!([]), "/messages"),
            ("messages", json!("Hi"), "/messages"),
            ("messages", Value::Null, "/messages"),
            ("messages", json!(["Hi"]), "/messages/0"),
            ("messages", json!([{"content": "Hi"}]), "/messages/0/role"),
            ("messages", json!([{"role": "wizard", "content": "Hi"}]), "/messages/0/role"),
            ("messages", json!([{"role": "user"}]), "/messages/0/content"),
            ("messages", json!([{"role": "user", "content": 1}]), "/messages/0/content"),
            ("messages", json!([{"role": "user", "content": ["a"]}]), "/messages/0/content/0"),
            (
                "messages",
                json!([{"role": "user", "content": [{"type": "text"}]}]),
                "/messages/0/content/0/text",
            ),
            (
                "messages",
                json!([{"role": "user", "content": [{"type": "image_url", "image_url": "data:"}]}]),
                "/messages/0/content/0/image_url",
            ),
            ("messages", json!([{"role": "tool", "content": "a"}]), "/messages/0/tool_call_id"),
            (
                "messages",
                json!([{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}]),
                "/messages/0/tool_calls/0/function/arguments",
            ),
        ] {
            assert_eq!(error_of(&with(name, value.clone())).as_deref(), Some(pointer), "{name} {value}");
        }
        for body in ["", "[]", "null", "{", r#"{"model":"a/b"}"#] {
            assert!(error_of(body).is_some(), "{body}");
        }
        assert_eq!(error_of(r#"{"model":"a","model":"b"}"#).as_deref(), Some("/model"));
        for unreadable in [r#""\ud800""#, "1e999", &format!("{}{}", "[".repeat(200), "]".repeat(200))] {
            let body = with("user", Value::Null).replace("null", unreadable);
            assert_eq!(error_of(&body).as_deref(), Some(""), "{unreadable}");
        }
    }
}
