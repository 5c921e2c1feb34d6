//! What a model thought: as text for the reader, and as records for the model's next turn.

use causerie_domain::completion::CompletionEvent;
use serde_json::{Map, Value};

use crate::wire::chunk::Delta;
use crate::wire::leaf;

/// The reasoning of one answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reasoning {
    source: Option<Source>,
    /// `None` until the upstream sent a list; an empty list is kept as one, for some models want it back.
    details: Option<Vec<Value>>,
}

/// Where the text is taken from. The upstream sends the same text as `reasoning` and inside `reasoning_details`,
/// mostly in one event; whichever brought text first stays the source, so that nothing is said twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Plain,
    Details,
    /// The field of other gateways.
    Content,
}

impl Reasoning {
    /// Takes what a delta adds; returns how many bytes of records it brought.
    pub(crate) fn absorb(&mut self, delta: &Delta<'_>, out: &mut Vec<CompletionEvent>) -> usize {
        let details = leaf::list(delta.reasoning_details);
        let texts = [
            (Source::Plain, leaf::word(delta.reasoning).map(|text| text.into_owned())),
            (Source::Details, details.as_deref().and_then(joined_text)),
            (Source::Content, leaf::word(delta.reasoning_content).map(|text| text.into_owned())),
        ];
        for (source, text) in texts {
            if let Some(text) = text
                && *self.source.get_or_insert(source) == source
            {
                out.push(CompletionEvent::Reasoning(text));
            }
        }
        let Some(details) = details else { return 0 };
        let added = if details.is_empty() { 0 } else { leaf::size(delta.reasoning_details) };
        let kept = self.details.get_or_insert_default();
        details.into_iter().for_each(|detail| add(kept, detail));
        added
    }

    /// Takes a piece of text that stands alone.
    pub(crate) fn push_text(&mut self, text: String, out: &mut Vec<CompletionEvent>) {
        if *self.source.get_or_insert(Source::Plain) == Source::Plain {
            out.push(CompletionEvent::Reasoning(text));
        }
    }

    /// The records, put together, for replay.
    pub(crate) fn into_details(self) -> Option<Value> {
        self.details.map(Value::Array)
    }
}

/// The fields that arrive in pieces. The other fields arrive whole.
const PIECED: [&str; 2] = ["text", "summary"];

/// How many records back the first piece is looked for: more are never open at once, and a bound keeps a flood of
/// records from costing the square of its length.
const RECENT: usize = 64;

fn joined_text(details: &[Value]) -> Option<String> {
    let pieces =
        details.iter().flat_map(|detail| PIECED.map(|field| detail.get(field).and_then(Value::as_str)));
    let text: String = pieces.flatten().collect();
    (!text.is_empty()).then_some(text)
}

/// Adds a record: as the next piece of one that is there, or as one of its own.
fn add(details: &mut Vec<Value>, detail: Value) {
    // Records without an index have only their order to go by.
    let within = if detail.get("index").is_some() { RECENT } else { 1 };
    let earlier = details.iter_mut().rev().take(within).find(|earlier| continues(earlier, &detail));
    match (earlier, detail) {
        (Some(Value::Object(earlier)), Value::Object(piece)) => extend(earlier, piece),
        (_, detail) => details.push(detail),
    }
}

/// Whether a record is the next piece of an earlier one: of the same place, type and id, and of a type that
/// comes in pieces. A signature closes the text it signs.
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
        && PIECED.iter().any(|field| filled(piece, field).is_some());
    pieced
        && earlier.get("type") == piece.get("type")
        && earlier.get("index") == piece.get("index")
        && same_id
        && !signed
}

fn extend(earlier: &mut Map<String, Value>, piece: Map<String, Value>) {
    for (field, value) in piece {
        match (earlier.get_mut(&field), value) {
            (Some(Value::String(text)), Value::String(more)) if PIECED.contains(&field.as_str()) => {
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
        let (mut reasoning, mut out) = (Reasoning::default(), Vec::new());
        for delta in deltas {
            let text = delta.to_string();
            reasoning.absorb(&serde_json::from_str(&text).unwrap(), &mut out);
        }
        let text = out.into_iter().map(|event| match event {
            CompletionEvent::Reasoning(text) => text,
            other => panic!("{other:?}"),
        });
        (text.collect(), reasoning.into_details())
    }

    #[test]
    fn the_same_text_in_two_fields_is_said_once() {
        let both =
            json!({"reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","index":0}]});
        let only_details = json!({"reasoning_details":[{"type":"reasoning.text","text":"hm","index":0}]});
        assert_eq!(read(&[both.clone(), both.clone()]).0, "hmhm");
        assert_eq!(read(&[both, only_details.clone()]).0, "hm");
        assert_eq!(read(&[only_details.clone(), only_details]).0, "hmhm");
        assert_eq!(read(&[json!({"reasoning_content":"hm"})]).0, "hm");
    }

    #[test]
    fn no_list_and_an_empty_list_are_not_the_same() {
        assert_eq!(read(&[json!({"reasoning":"hm"})]).1, None);
        assert_eq!(read(&[json!({"reasoning_details":null})]).1, None);
        assert_eq!(read(&[json!({"reasoning_details":[]})]).1, Some(json!([])));
    }

    #[test]
    fn pieces_are_joined_by_place_and_type_and_keep_their_signature() {
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
        let sealed = json!({"type":"reasoning.encrypted","data":"QUJD","index":0,"id":"rs_1"});
        let (text, details) = read(&[piece(sealed.clone()), piece(sealed.clone()), piece(json!("odd"))]);
        assert_eq!((text.as_str(), details), ("", Some(json!([sealed, sealed, "odd"]))));
    }

    #[test]
    fn without_an_index_only_neighbours_are_joined() {
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
