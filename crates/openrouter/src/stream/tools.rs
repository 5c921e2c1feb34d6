//! Tool calls, put together from deltas that agree on little.

use causerie_domain::completion::ToolCall;
use serde::de::IgnoredAny;

use crate::wire::chunk::{Delta, FunctionDelta};
use crate::wire::leaf::{self, Leaf};

/// The calls of one answer. Each is given out once, at the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToolCalls(Vec<Call>);

/// How many calls back a piece is looked for. More are never open at once, and a bound keeps a flood of calls
/// from costing the square of its length.
const RECENT: usize = 64;

#[derive(Debug, Clone, Default)]
struct Call {
    index: Option<u64>,
    id: Option<String>,
    name: Option<String>,
    arguments: String,
}

/// Whether an answer is known to be whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wholeness {
    /// It ended as it should.
    Whole,
    /// It was cut, by a maximum, an error or the connection.
    Cut,
}

impl ToolCalls {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the pieces of a delta; returns how many bytes it kept.
    pub(crate) fn absorb(&mut self, delta: &Delta<'_>) -> usize {
        let mut kept = 0;
        for piece in delta.tool_calls.iter().flatten().flatten() {
            let none = FunctionDelta::default();
            let function = piece.function.as_ref().unwrap_or(&none);
            self.add(Call {
                index: leaf::count(piece.index),
                id: leaf::word(piece.id).map(|id| id.into_owned()),
                name: leaf::word(function.name).map(|name| name.into_owned()),
                arguments: arguments(function.arguments),
            });
            kept += size(piece.id, function);
        }
        kept
    }

    /// Takes the calls of a whole message, where each entry is one call, whatever it leaves out; returns how many
    /// bytes it kept.
    pub(crate) fn absorb_message(&mut self, message: &Delta<'_>) -> usize {
        let none = FunctionDelta::default();
        let calls = message.tool_calls.iter().flatten().flatten();
        calls.map(|call| self.push_whole(call.id, call.function.as_ref().unwrap_or(&none))).sum()
    }

    /// Takes one whole call; returns how many bytes it kept.
    pub(crate) fn push_whole(&mut self, id: Leaf<'_>, function: &FunctionDelta<'_>) -> usize {
        self.0.push(Call {
            index: None,
            id: leaf::word(id).map(|id| id.into_owned()),
            name: leaf::word(function.name).map(|name| name.into_owned()),
            arguments: arguments(function.arguments),
        });
        size(id, function)
    }

    /// The calls in order of their index. None is complete unless the answer is.
    pub(crate) fn into_calls(mut self, answer: Wholeness) -> Vec<ToolCall> {
        self.0.sort_by_key(|call| call.index.unwrap_or(u64::MAX));
        self.0.into_iter().map(|call| call.end(answer)).collect()
    }

    fn add(&mut self, piece: Call) {
        match self.open(&piece) {
            Some(call) => {
                call.id = piece.id.or(call.id.take());
                call.name = call.name.take().or(piece.name);
                call.arguments.push_str(&piece.arguments);
            }
            None => self.0.push(piece),
        }
    }

    /// The call that a piece belongs to; `None` where it opens a new one.
    ///
    /// The index decides. Gateways that leave it out, or give every call the same one, open a call with a new id
    /// or with a new name behind arguments that are already whole.
    fn open(&mut self, piece: &Call) -> Option<&mut Call> {
        let mut recent = self.0.iter_mut().rev().take(RECENT);
        let call = match (piece.index, &piece.id) {
            (Some(index), _) => recent.find(|call| call.index == Some(index)),
            (None, Some(id)) => recent.find(|call| call.id.as_ref() == Some(id)),
            (None, None) => recent.next(),
        }?;
        let another_id = matches!((&call.id, &piece.id), (Some(one), Some(other)) if one != other);
        let opens = match piece.index {
            Some(_) => another_id && piece.name.is_some() && call.name.is_some(),
            None => piece.id.is_none() && piece.name.is_some() && is_json(&call.arguments),
        };
        (!opens).then_some(call)
    }
}

impl Call {
    fn end(self, answer: Wholeness) -> ToolCall {
        let mut arguments = self.arguments;
        if answer == Wholeness::Whole && arguments.trim().is_empty() {
            // A function without parameters: many providers send no arguments at all for it.
            arguments = "{}".to_owned();
        }
        let complete = answer == Wholeness::Whole && self.name.is_some() && is_json(&arguments);
        ToolCall { id: self.id, name: self.name.unwrap_or_default(), arguments, complete }
    }
}

/// Bytes that a piece occupies at most.
fn size(id: Leaf<'_>, function: &FunctionDelta<'_>) -> usize {
    size_of::<Call>() + leaf::size(id) + leaf::size(function.name) + leaf::size(function.arguments)
}

fn arguments(leaf: Leaf<'_>) -> String {
    match leaf.map(|raw| raw.get()) {
        Some(object) if object.starts_with('{') => object.to_owned(),
        _ => leaf::text(leaf).unwrap_or_default().into_owned(),
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(pieces: &[Value]) -> ToolCalls {
        let mut calls = ToolCalls::default();
        for piece in pieces {
            let text = json!({"tool_calls":[piece]}).to_string();
            calls.absorb(&serde_json::from_str(&text).unwrap());
        }
        calls
    }

    fn check(pieces: &[Value], expected: &[(Option<&str>, &str, &str)]) {
        let calls = read(pieces).into_calls(Wholeness::Whole);
        let found: Vec<_> = calls
            .iter()
            .map(|call| (call.id.as_deref(), call.name.as_str(), call.arguments.as_str()))
            .collect();
        assert_eq!(found, expected, "{pieces:?}");
        assert!(calls.iter().all(|call| call.complete), "{calls:?}");
    }

    #[test]
    fn pieces_of_an_index_make_one_call() {
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
    fn calls_come_in_order_of_their_index() {
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
    fn without_an_index_an_id_opens_a_call() {
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
    fn without_index_and_id_a_name_behind_whole_arguments_opens_a_call() {
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
    fn an_index_that_every_call_shares_does_not_join_them() {
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
    fn absent_arguments_are_an_empty_object() {
        check(&[json!({"index":0,"id":"a","function":{"name":"f"}})], &[(Some("a"), "f", "{}")]);
    }

    #[test]
    fn a_call_is_complete_only_in_a_whole_answer_with_a_name_and_arguments_that_parse() {
        let complete = |pieces: &[Value], answer| read(pieces).into_calls(answer)[0].complete;
        let whole = json!({"index":0,"function":{"name":"f","arguments":"{}"}});
        assert!(complete(std::slice::from_ref(&whole), Wholeness::Whole));
        assert!(!complete(&[whole], Wholeness::Cut));
        assert!(!complete(&[json!({"index":0,"function":{"arguments":"{}"}})], Wholeness::Whole));
        assert!(!complete(
            &[json!({"index":0,"function":{"name":"f","arguments":"{\"x"}})],
            Wholeness::Whole
        ));
    }
}
