//! Function calls ("tool calls"), assembled from deltas whose format differs between gateways.

use causerie_domain::completion::ToolCall;
use serde::de::IgnoredAny;

use crate::wire::chunk::{Delta, FunctionDelta};
use crate::wire::elements::Elements;
use crate::wire::raw_field::{self, RawField};
use crate::wire::surrogates::{self, Marked};

/// The function calls of one answer. They are emitted once, at the end.
#[derive(Debug, Clone, Default)]
pub(super) struct FunctionCalls(Vec<Call>);

/// Number of last calls among which the call of a piece is searched. More are never open at once, and the bound keeps
/// the time for many calls linear.
const MAX_OPEN_CALLS: usize = 64;

#[derive(Debug, Clone, Default)]
struct Call {
    index: Option<u64>,
    id: Option<String>,
    name: Option<String>,
    arguments: String,
    /// Whether the arguments contain marks of halves of characters.
    has_marks: bool,
}

/// Whether an answer is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Completeness {
    /// The answer ended normally.
    Complete,
    /// The answer was truncated by a token limit, an error or the connection.
    Truncated,
}

impl FunctionCalls {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the pieces in a delta; returns the number of retained bytes.
    pub(super) fn add_delta(&mut self, delta: &Delta<'_>) -> usize {
        let mut retained = 0;
        for piece in delta.tool_calls.iter().flat_map(Elements::iter) {
            let none = FunctionDelta::default();
            let function = piece.function.as_ref().unwrap_or(&none);
            self.add_piece(Call::new(raw_field::count(piece.index), piece.id, function));
            retained += retained_size(piece.id, function);
        }
        retained
    }

    /// Adds the calls in a whole message, in which each entry is one call even without index and id; returns the
    /// number of retained bytes.
    pub(super) fn add_message(&mut self, message: &Delta<'_>) -> usize {
        let none = FunctionDelta::default();
        let calls = message.tool_calls.iter().flat_map(Elements::iter);
        calls.map(|call| self.add_call(call.id, call.function.as_ref().unwrap_or(&none))).sum()
    }

    /// Adds one whole call; returns the number of retained bytes.
    pub(super) fn add_call(&mut self, id: RawField<'_>, function: &FunctionDelta<'_>) -> usize {
        self.0.push(Call::new(None, id, function));
        retained_size(id, function)
    }

    /// Returns the calls in order of their index. No call of a truncated answer is complete.
    pub(super) fn into_calls(mut self, completeness: Completeness) -> Vec<ToolCall> {
        self.0.sort_by_key(|call| call.index.unwrap_or(u64::MAX));
        self.0.into_iter().map(|call| call.into_tool_call(completeness)).collect()
    }

    fn add_piece(&mut self, piece: Call) {
        match self.find(&piece) {
            Some(call) => {
                call.id = piece.id.or(call.id.take());
                call.name = call.name.take().or(piece.name);
                call.arguments.push_str(&piece.arguments);
                call.has_marks |= piece.has_marks;
            }
            None => self.0.push(piece),
        }
    }

    /// Finds the call that a piece belongs to; `None` if the piece starts a new one.
    ///
    /// The index decides. In pieces of gateways that leave it out or give it to every call, a new call starts with a
    /// new id, or with a name after arguments that are complete.
    fn find(&mut self, piece: &Call) -> Option<&mut Call> {
        let mut recent = self.0.iter_mut().rev().take(MAX_OPEN_CALLS);
        let call = match (piece.index, &piece.id) {
            (Some(index), _) => recent.find(|call| call.index == Some(index)),
            (None, Some(id)) => recent.find(|call| call.id.as_ref() == Some(id)),
            (None, None) => recent.next(),
        }?;
        let another_id = matches!((&call.id, &piece.id), (Some(one), Some(other)) if one != other);
        let starts_new = match piece.index {
            Some(_) => another_id && piece.name.is_some() && call.name.is_some(),
            None => piece.id.is_none() && piece.name.is_some() && is_json(&call.arguments),
        };
        (!starts_new).then_some(call)
    }
}

impl Call {
    fn new(index: Option<u64>, id: RawField<'_>, function: &FunctionDelta<'_>) -> Self {
        let arguments = arguments(function.arguments);
        Call {
            index,
            id: raw_field::non_empty_text(id).map(|id| id.into_owned()),
            name: raw_field::non_empty_text(function.name).map(|name| name.into_owned()),
            arguments: arguments.value,
            has_marks: arguments.has_marks,
        }
    }

    fn into_tool_call(self, completeness: Completeness) -> ToolCall {
        let is_complete = completeness == Completeness::Complete;
        let mut arguments = if self.has_marks { surrogates::join(&self.arguments) } else { self.arguments };
        if is_complete && arguments.trim().is_empty() {
            // Many providers send no arguments for a function without parameters.
            arguments = "{}".to_owned();
        }
        let complete = is_complete && self.name.is_some() && is_json(&arguments);
        ToolCall { id: self.id, name: self.name.unwrap_or_default(), arguments, complete }
    }
}

/// Returns the maximum number of bytes that a piece occupies.
fn retained_size(id: RawField<'_>, function: &FunctionDelta<'_>) -> usize {
    size_of::<Call>()
        + raw_field::byte_len(id)
        + raw_field::byte_len(function.name)
        + raw_field::byte_len(function.arguments)
}

fn arguments(field: RawField<'_>) -> Marked<String> {
    match field.map(|raw| raw.get()) {
        Some(object) if object.starts_with('{') => Marked::from(object.to_owned()),
        _ => raw_field::marked_text(field).unwrap_or_default(),
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(pieces: &[Value]) -> FunctionCalls {
        let mut calls = FunctionCalls::default();
        for piece in pieces {
            let text = json!({"tool_calls":[piece]}).to_string();
            calls.add_delta(&serde_json::from_str(&text).unwrap());
        }
        calls
    }

    fn check(pieces: &[Value], expected: &[(Option<&str>, &str, &str)]) {
        let calls = read(pieces).into_calls(Completeness::Complete);
        let found: Vec<_> = calls
            .iter()
            .map(|call| (call.id.as_deref(), call.name.as_str(), call.arguments.as_str()))
            .collect();
        assert_eq!(found, expected, "{pieces:?}");
        assert!(calls.iter().all(|call| call.complete), "{calls:?}");
    }

    #[test]
    fn pieces_with_one_index_form_one_call() {
        check(
            &[
                json!({"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}),
                json!({"index":0,"id":null,"type":"function","function":{"arguments":"{\"x\""}}),
                json!({"index":0,"id":"","function":{}}),
                json!({"index":0,"type":"function"}),
                json!({"index":0,"function":{"name":"f","arguments":":1}"}}),
                json!({"index":0,"function":{"arguments":"  "}}),
            ],
            &[(Some("a"), "f", "{\"x\":1}  ")],
        );
    }

    #[test]
    fn calls_are_sorted_by_index() {
        check(
            &[
                json!({"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}),
                json!({"index":0,"id":"a","function":{"name":"f","arguments":"{"}}),
                json!({"index":0,"function":{"arguments":"}"}}),
            ],
            &[(Some("a"), "f", "{}"), (Some("b"), "g", "{}")],
        );
    }

    #[test]
    fn without_an_index_a_new_id_starts_a_call() {
        check(
            &[
                json!({"id":"a","function":{"name":"f","arguments":"{"}}),
                json!({"function":{"arguments":"}"}}),
                json!({"id":"b","function":{"name":"f"}}),
                json!({"id":"b","function":{"arguments":"{}"}}),
            ],
            &[(Some("a"), "f", "{}"), (Some("b"), "f", "{}")],
        );
    }

    #[test]
    fn without_index_and_id_a_name_after_complete_arguments_starts_a_call() {
        check(
            &[
                json!({"function":{"name":"f","arguments":{"x":1}}}),
                json!({"function":{"name":"g","arguments":"{"}}),
                json!({"function":{"name":"g","arguments":"}"}}),
            ],
            &[(None, "f", "{\"x\":1}"), (None, "g", "{}")],
        );
    }

    #[test]
    fn different_ids_separate_calls_with_the_same_index() {
        check(
            &[
                json!({"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}),
                json!({"index":0,"id":"b","function":{"name":"g","arguments":"{"}}),
                json!({"index":0,"function":{"arguments":"}"}}),
            ],
            &[(Some("a"), "f", "{}"), (Some("b"), "g", "{}")],
        );
    }

    #[test]
    fn missing_arguments_become_an_empty_object() {
        check(&[json!({"index":0,"id":"a","function":{"name":"f"}})], &[(Some("a"), "f", "{}")]);
    }

    #[test]
    fn a_call_is_complete_only_in_a_complete_answer_with_a_name_and_valid_arguments() {
        let complete = |pieces: &[Value], answer| read(pieces).into_calls(answer)[0].complete;
        let whole = json!({"index":0,"function":{"name":"f","arguments":"{}"}});
        assert!(complete(std::slice::from_ref(&whole), Completeness::Complete));
        assert!(!complete(&[whole], Completeness::Truncated));
        assert!(!complete(&[json!({"index":0,"function":{"arguments":"{}"}})], Completeness::Complete));
        assert!(!complete(
            &[json!({"index":0,"function":{"name":"f","arguments":"{\"x"}})],
            Completeness::Complete
        ));
    }
}
