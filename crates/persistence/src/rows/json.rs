//! JSON in text columns.

use std::borrow::Cow;

use causerie_domain::messages::{MessageMeta, Part, PartKind, media_type};
use causerie_domain::ports::StoreError;
use causerie_domain::turns::ContextReport;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::parse_variant;
use crate::error::{corrupt, corrupt_with_source};

/// A part of a message: `{"type": "text", "text": "..."}`, or `{"type": "file", "media_type": "...", "url": "..."}`.
#[derive(Serialize, Deserialize)]
struct StoredPart<'t> {
    #[serde(rename = "type")]
    kind: Cow<'t, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'t, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<Cow<'t, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<Cow<'t, str>>,
}

#[derive(Serialize, Deserialize)]
struct StoredContext {
    messages_sent: u32,
    messages_dropped: u32,
    estimated_tokens: u32,
    #[serde(default)]
    context_length_assumed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_seq: Option<i64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_cut: bool,
}

const META_KEYS: [&str; 5] = ["model", "tokens", "latency_ms", "finish_reason", "extractions"];

pub(crate) fn parts_text(parts: &[Part]) -> Result<String, StoreError> {
    let stored = parts.iter().map(|part| {
        let kind = Cow::Borrowed(part.kind.as_str());
        let text = Some(Cow::Borrowed(part.text.as_str()));
        match part.kind {
            PartKind::Text | PartKind::Reasoning => StoredPart { kind, text, media_type: None, url: None },
            PartKind::File => {
                let media_type = Some(Cow::Borrowed(media_type(&part.text)));
                StoredPart { kind, text: None, media_type, url: text }
            }
        }
    });
    write("messages.parts", &stored.collect::<Vec<_>>())
}

pub(super) fn parts(stored: &str) -> Result<Vec<Part>, StoreError> {
    let parts: Vec<StoredPart<'_>> = read("messages.parts", stored)?;
    parts
        .into_iter()
        .map(|part| {
            let kind = parse_variant("messages.parts", &part.kind)?;
            let text = if kind == PartKind::File { part.url } else { part.text };
            let text =
                text.ok_or_else(|| corrupt(format!("messages.parts has a {} without text", part.kind)))?;
            Ok(Part { kind, text: text.into_owned() })
        })
        .collect()
}

pub(crate) fn meta_text(meta: &MessageMeta) -> String {
    let MessageMeta { model, tokens, latency_ms, finish_reason, extractions, other } = meta;
    let known = [
        model.clone().map(Value::from),
        tokens.map(Value::from),
        latency_ms.map(Value::from),
        finish_reason.clone().map(Value::from),
        extractions.clone(),
    ];
    let mut object = other.clone();
    for (key, value) in META_KEYS.into_iter().zip(known) {
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    }
    Value::Object(object).to_string()
}

/// Reads the metadata of a message. A known key with a value of an unexpected type is kept like an unknown key.
pub(super) fn meta(stored: &str) -> Result<MessageMeta, StoreError> {
    let mut object: Map<String, Value> = read("messages.meta", stored)?;
    let mut take = |key: &str, fits: fn(&Value) -> bool| {
        if object.get(key).is_some_and(fits) { object.remove(key) } else { None }
    };
    let string = |value: Value| value.as_str().map(str::to_owned);
    let model = take("model", Value::is_string).and_then(string);
    let tokens = take("tokens", Value::is_u64).as_ref().and_then(Value::as_u64);
    let latency_ms = take("latency_ms", Value::is_u64).as_ref().and_then(Value::as_u64);
    let finish_reason = take("finish_reason", Value::is_string).and_then(string);
    let extractions = take("extractions", |_| true);
    Ok(MessageMeta { model, tokens, latency_ms, finish_reason, extractions, other: object })
}

pub(crate) fn context_text(context: &ContextReport) -> Result<String, StoreError> {
    // Without `..`: a field that is not stored does not compile.
    let ContextReport {
        messages_sent,
        messages_dropped,
        estimated_tokens,
        context_length_assumed,
        first_seq,
        is_cut,
    } = *context;
    let stored = StoredContext {
        messages_sent,
        messages_dropped,
        estimated_tokens,
        context_length_assumed,
        first_seq,
        is_cut,
    };
    write("turns.context", &stored)
}

pub(super) fn context(stored: &str) -> Result<ContextReport, StoreError> {
    let stored: StoredContext = read("turns.context", stored)?;
    Ok(ContextReport {
        messages_sent: stored.messages_sent,
        messages_dropped: stored.messages_dropped,
        estimated_tokens: stored.estimated_tokens,
        context_length_assumed: stored.context_length_assumed,
        first_seq: stored.first_seq,
        is_cut: stored.is_cut,
    })
}

pub(crate) fn object_text(object: &Map<String, Value>) -> Result<String, StoreError> {
    write("an object", object)
}

pub(super) fn object(column: &str, stored: &str) -> Result<Map<String, Value>, StoreError> {
    read(column, stored)
}

pub(super) fn value(column: &str, stored: &str) -> Result<Value, StoreError> {
    read(column, stored)
}

pub(crate) fn list_text(list: &[String]) -> Result<String, StoreError> {
    write("a list", list)
}

pub(super) fn list(column: &str, stored: &str) -> Result<Vec<String>, StoreError> {
    read(column, stored)
}

pub(super) fn write<T: Serialize + ?Sized>(column: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| corrupt(format!("{column} cannot be written: {error}")))
}

pub(super) fn read<'t, T: Deserialize<'t>>(column: &str, text: &'t str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| corrupt_with_source(column, error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_keep_their_order_and_all_characters() {
        let given = vec![
            Part { kind: PartKind::Reasoning, text: "hm\n\"\u{1}\u{1F600}".to_owned() },
            Part { kind: PartKind::Text, text: " Hello ".to_owned() },
            Part { kind: PartKind::File, text: "data:image/png;base64,AAAA".to_owned() },
        ];
        assert_eq!(parts(&parts_text(&given).unwrap()).unwrap(), given);
    }

    #[test]
    fn metadata_is_read_into_known_fields_and_keeps_unknown_keys() {
        let check = |stored: Value, expected: MessageMeta| {
            let read = meta(&stored.to_string()).unwrap();
            assert_eq!(read, expected);
            assert_eq!(serde_json::from_str::<Value>(&meta_text(&read)).unwrap(), stored);
        };
        let other = |value: Value| value.as_object().unwrap().clone();
        check(json!({}), MessageMeta::default());
        check(
            json!({"model": "m", "tokens": 7, "latency_ms": 9, "finish_reason": "stop", "mood": [1]}),
            MessageMeta {
                model: Some("m".to_owned()),
                tokens: Some(7),
                latency_ms: Some(9),
                finish_reason: Some("stop".to_owned()),
                extractions: None,
                other: other(json!({"mood": [1]})),
            },
        );
        check(
            json!({"model": 5, "extractions": {"a": null}}),
            MessageMeta {
                extractions: Some(json!({"a": null})),
                other: other(json!({"model": 5})),
                ..MessageMeta::default()
            },
        );
    }

    #[test]
    fn reports_of_earlier_versions_are_read() {
        let stored = r#"{"messages_sent":3,"messages_dropped":2,"estimated_tokens":99}"#;
        let report = context(stored).unwrap();
        assert_eq!((report.messages_sent, report.first_seq, report.is_cut), (3, None, false));
    }

    #[test]
    fn an_error_names_the_column() {
        let refused = parts(r#"[{"type":"song","text":"la"}]"#).unwrap_err();
        assert!(refused.to_string().contains("messages.parts"), "{refused}");
        assert!(context("{}").unwrap_err().to_string().contains("turns.context"));
    }
}
