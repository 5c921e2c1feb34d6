//! Reasoning of a model: text for the reader, and records that the next request returns to the model.

use serde_json::{Map, Value};

use crate::wire::chunk::Delta;
use crate::wire::raw_field;
use crate::wire::surrogates::{self, Marked};

/// The reasoning of one answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reasoning {
    source: Option<Source>,
    /// `None` until the upstream sends a list. An empty list is kept, since some models require it in the next request.
    details: Option<Vec<Value>>,
    /// Whether the records contain marks of halves of characters.
    has_marks: bool,
}

/// The field from which the text is taken. The upstream sends the same text in `reasoning` and `reasoning_details`,
/// usually in one event; the first field with text remains the source, so that no text is emitted twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Plain,
    Details,
    /// `reasoning_content`, the field of other gateways.
    Content,
}

impl Reasoning {
    /// Adds the records of a delta. Returns the text of the delta for the reader, and whether a record is new and not
    /// the next piece of an earlier one.
    pub(super) fn add_delta(&mut self, delta: &Delta<'_>) -> (Option<Marked<String>>, bool) {
        let details = raw_field::marked_array(delta.reasoning_details);
        let texts = [
            (Source::Plain, raw_field::marked_text(delta.reasoning)),
            (Source::Details, details.as_ref().map(joined_text)),
            (Source::Content, raw_field::marked_text(delta.reasoning_content)),
        ];
        let mut has_new_records = false;
        if let Some(details) = details {
            self.has_marks |= details.has_marks;
            let kept = self.details.get_or_insert_default();
            let before = kept.len();
            details.value.into_iter().for_each(|detail| add_record(kept, detail));
            has_new_records = kept.len() > before;
        }
        let is_source = |known: &mut Option<Source>, source| *known.get_or_insert(source) == source;
        let text = texts.into_iter().find_map(|(source, text)| {
            text.filter(|text| !text.value.is_empty()).filter(|_| is_source(&mut self.source, source))
        });
        (text, has_new_records)
    }

    /// Returns whether a piece of text that belongs to no record is for the reader. If no text has arrived before,
    /// `reasoning` becomes the source.
    pub(super) fn accepts_text(&mut self) -> bool {
        *self.source.get_or_insert(Source::Plain) == Source::Plain
    }

    /// Returns the joined records for the next request.
    pub(super) fn into_details(self) -> Option<Value> {
        let mut details = self.details.map(Value::Array)?;
        if self.has_marks {
            surrogates::join_in(&mut details);
        }
        Some(details)
    }
}

/// The fields that arrive in pieces. All other fields arrive whole.
const PIECED_FIELDS: [&str; 2] = ["text", "summary"];

/// Number of last records among which the earlier piece of a record is searched. More are never open at once, and the
/// bound keeps the time for many records linear.
const MAX_OPEN_RECORDS: usize = 64;

fn joined_text(details: &Marked<Vec<Value>>) -> Marked<String> {
    let pieces = details
        .value
        .iter()
        .flat_map(|detail| PIECED_FIELDS.map(|field| detail.get(field).and_then(Value::as_str)));
    Marked { value: pieces.flatten().collect(), has_marks: details.has_marks }
}

/// Adds a record: as the next piece of an earlier one, or as a new one.
fn add_record(details: &mut Vec<Value>, detail: Value) {
    // Records without an index can only continue the one before them.
    let within = if detail.get("index").is_some() { MAX_OPEN_RECORDS } else { 1 };
    let earlier = details.iter_mut().rev().take(within).find(|earlier| continues(earlier, &detail));
    match (earlier, detail) {
        (Some(Value::Object(earlier)), Value::Object(piece)) => append(earlier, piece),
        (_, detail) => details.push(detail),
    }
}

/// Returns whether a record is the next piece of an earlier one: both have the same index, type and id, and the type
/// comes in pieces. A signature ends the text that it signs.
fn continues(earlier: &Value, piece: &Value) -> bool {
    let text = |detail: &Value, field: &str| detail.get(field).and_then(Value::as_str).map(str::to_owned);
    let filled = |detail: &Value, field: &str| text(detail, field).filter(|text| !text.is_empty());
    let pieced =
        matches!(piece.get("type").and_then(Value::as_str), Some("reasoning.text" | "reasoning.summary"));
    let same_id = match (filled(earlier, "id"), filled(piece, "id")) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    let signed = filled(earlier, "signature").is_some()
        && filled(piece, "signature") != filled(earlier, "signature")
        && PIECED_FIELDS.iter().any(|field| filled(piece, field).is_some());
    pieced
        && earlier.get("type") == piece.get("type")
        && earlier.get("index") == piece.get("index")
        && same_id
        && !signed
}

fn append(earlier: &mut Map<String, Value>, piece: Map<String, Value>) {
    for (field, value) in piece {
        match (earlier.get_mut(&field), value) {
            (Some(Value::String(text)), Value::String(more)) if PIECED_FIELDS.contains(&field.as_str()) => {
                text.push_str(&more);
            }
            (Some(_), Value::Null) => {}
            (Some(_), Value::String(empty)) if empty.is_empty() => {}
            (_, value) => {
                earlier.insert(field, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(deltas: &[Value]) -> (String, Option<Value>) {
        let (mut reasoning, mut joined) = (Reasoning::default(), String::new());
        for delta in deltas {
            let json = delta.to_string();
            let (text, _) = reasoning.add_delta(&serde_json::from_str(&json).unwrap());
            joined.extend(text.map(|text| text.value));
        }
        (joined, reasoning.into_details())
    }

    #[test]
    fn the_same_text_in_two_fields_is_emitted_once() {
        let both =
            json!({"reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","index":0}]});
        let only_details = json!({"reasoning_details":[{"type":"reasoning.text","text":"hm","index":0}]});
        assert_eq!(read(&[both.clone(), both.clone()]).0, "hmhm");
        assert_eq!(read(&[both, only_details.clone()]).0, "hm");
        assert_eq!(read(&[only_details.clone(), only_details]).0, "hmhm");
        assert_eq!(read(&[json!({"reasoning_content":"hm"})]).0, "hm");
    }

    #[test]
    fn a_missing_list_and_an_empty_list_differ() {
        assert_eq!(read(&[json!({"reasoning":"hm"})]).1, None);
        assert_eq!(read(&[json!({"reasoning_details":null})]).1, None);
        assert_eq!(read(&[json!({"reasoning_details":[]})]).1, Some(json!([])));
    }

    #[test]
    fn pieces_are_joined_by_index_and_type_and_keep_their_signature() {
        let piece = |detail: Value| json!({"reasoning_details":[detail]});
        let (text, details) = read(&[
            piece(json!({"type":"reasoning.text","text":"","signature":"","index":0,"format":"f"})),
            piece(json!({"type":"reasoning.text","text":"a","index":0,"format":null})),
            piece(json!({"type":"reasoning.summary","summary":"s","index":0})),
            piece(json!({"type":"reasoning.text","text":"b","index":0})),
            piece(json!({"type":"reasoning.text","signature":"sig","index":0})),
            piece(json!({"type":"reasoning.text","text":"next","index":0})),
            piece(json!({"type":"reasoning.text","text":"other","index":1})),
        ]);
        assert_eq!(text, "asbnextother");
        assert_eq!(
            details,
            Some(json!([
                {"type":"reasoning.text","text":"ab","signature":"sig","index":0,"format":"f"},
                {"type":"reasoning.summary","summary":"s","index":0},
                {"type":"reasoning.text","text":"next","index":0},
                {"type":"reasoning.text","text":"other","index":1},
            ]))
        );
    }

    #[test]
    fn opaque_records_are_never_joined() {
        let piece = |detail: Value| json!({"reasoning_details":[detail]});
        let encrypted = json!({"type":"reasoning.encrypted","data":"QUJD","index":0,"id":"rs_1"});
        let (text, details) =
            read(&[piece(encrypted.clone()), piece(encrypted.clone()), piece(json!("odd"))]);
        assert_eq!((text.as_str(), details), ("", Some(json!([encrypted, encrypted, "odd"]))));
    }

    #[test]
    fn without_an_index_only_adjacent_records_are_joined() {
        let piece = |kind: &str, text: &str| json!({"reasoning_details":[{"type":kind,"text":text}]});
        let (_, details) = read(&[
            piece("reasoning.text", "a"),
            piece("reasoning.text", "b"),
            piece("reasoning.encrypted", "x"),
            piece("reasoning.text", "c"),
        ]);
        let details = details.unwrap();
        assert_eq!(details[0]["text"], "ab");
        assert_eq!(details[2]["text"], "c");
    }
}
