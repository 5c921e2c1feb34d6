//! Reply of a model, independent of its form as a stream or a JSON body.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::wire::chunk::{self, Choice};
use crate::wire::completion::{FullChoice, FullMessage};

/// Complete answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) deltas: Vec<Delta>,
    /// `None` for a blank finish reason.
    pub(crate) finish: Option<Finish>,
}

/// Piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delta {
    Text(String),
    /// Text with log probabilities, of which it is one token.
    ScoredText(String),
    /// Readable reasoning; `reasoning` and `reasoning_details` contain the same text.
    Reasoning(String),
    /// Summary of hidden reasoning.
    Summary(String),
    /// Signature of readable reasoning, without text.
    Signature(String),
    /// Encrypted reasoning, readable by the provider only.
    Encrypted(String),
    Refusal(String),
    /// URL of a generated image.
    Image(String),
    /// Element of `tool_calls`, as it is sent, with or without a finish reason.
    Tool(Box<ToolDelta>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToolDelta {
    pub(crate) call: Value,
    pub(crate) finish: Option<Finish>,
}

/// Number of characters that an image counts as.
const CHARACTERS_PER_IMAGE: u64 = 1_000;

/// Finish reason: normalized, and the value of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finish {
    pub(crate) reason: &'static str,
    pub(crate) native: &'static str,
}

impl Finish {
    pub(crate) const STOP: Self = Self { reason: "stop", native: "end_turn" };
    pub(crate) const LENGTH: Self = Self { reason: "length", native: "max_tokens" };
    pub(crate) const TOOL_CALLS: Self = Self { reason: "tool_calls", native: "tool_use" };
    pub(crate) const CONTENT_FILTER: Self = Self { reason: "content_filter", native: "content_filter" };
}

impl Reply {
    /// Creates a text answer that ends with `stop`.
    pub(crate) fn of_text(pieces: Vec<String>) -> Self {
        Self { deltas: pieces.into_iter().map(Delta::Text).collect(), finish: Some(Finish::STOP) }
    }

    /// Returns the number of characters, and of those in reasoning.
    pub(crate) fn characters(&self) -> (u64, u64) {
        let reasoning = self.deltas.iter().filter(|delta| delta.is_reasoning()).map(Delta::characters).sum();
        (self.deltas.iter().map(Delta::characters).sum(), reasoning)
    }

    /// Returns the only choice of an answer that is not streamed.
    pub(crate) fn choice(&self) -> FullChoice {
        let mut message = FullMessage { role: "assistant", ..FullMessage::default() };
        let mut calls: BTreeMap<u64, Value> = BTreeMap::new();
        let mut scores = Vec::new();
        for delta in &self.deltas {
            match delta {
                Delta::Text(text) => append(&mut message.content, text),
                Delta::ScoredText(text) => {
                    append(&mut message.content, text);
                    scores.push(score(text));
                }
                Delta::Refusal(text) => append(&mut message.refusal, text),
                Delta::Reasoning(text) | Delta::Summary(text) => append(&mut message.reasoning, text),
                Delta::Signature(_) | Delta::Encrypted(_) => {}
                Delta::Image(url) => message.images.push(image(url)),
                Delta::Tool(tool) => merge_call(&mut calls, &tool.call),
            }
        }
        message.reasoning_details = self.joined_details();
        message.tool_calls = calls.into_values().collect();
        FullChoice {
            index: 0,
            error: None,
            logprobs: (!scores.is_empty()).then(|| logprobs(scores)),
            finish_reason: self.finish.map(|finish| finish.reason),
            native_finish_reason: self.finish.map(|finish| finish.native),
            message,
        }
    }

    /// Returns `reasoning_details` of the whole answer: pieces of the same kind are joined, and a signature is in the
    /// element of its text.
    fn joined_details(&self) -> Vec<Value> {
        let mut details: Vec<Value> = Vec::new();
        for detail in self.deltas.iter().filter_map(Delta::detail) {
            match details.last_mut() {
                Some(last) if last["type"] == detail["type"] => {
                    for key in ["text", "summary"] {
                        if let (Some(head), Some(tail)) = (last[key].as_str(), detail[key].as_str()) {
                            last[key] = json!(format!("{head}{tail}"));
                        }
                    }
                    if let Some(signature) = detail.get("signature") {
                        last["signature"] = signature.clone();
                    }
                }
                _ => details.push(detail),
            }
        }
        details
    }
}

impl Delta {
    /// Returns the number of characters that count as output tokens.
    pub(crate) fn characters(&self) -> u64 {
        let text = match self {
            Self::Text(text)
            | Self::ScoredText(text)
            | Self::Reasoning(text)
            | Self::Summary(text)
            | Self::Refusal(text) => text,
            Self::Signature(_) | Self::Encrypted(_) => return 0,
            Self::Image(_) => return CHARACTERS_PER_IMAGE,
            Self::Tool(tool) => tool.call["function"]["arguments"].as_str().unwrap_or_default(),
        };
        text.chars().count() as u64
    }

    fn is_reasoning(&self) -> bool {
        matches!(self, Self::Reasoning(_) | Self::Summary(_))
    }

    /// Returns the piece as an element of `reasoning_details`.
    fn detail(&self) -> Option<Value> {
        const ANTHROPIC: &str = "anthropic-claude-v1";
        const OPENAI: &str = "openai-responses-v1";
        let detail = match self {
            Self::Reasoning(text) => {
                json!({ "type": "reasoning.text", "text": text, "format": ANTHROPIC, "index": 0 })
            }
            Self::Signature(signature) => {
                json!({ "type": "reasoning.text", "signature": signature, "format": ANTHROPIC, "index": 0 })
            }
            Self::Summary(text) => {
                json!({ "type": "reasoning.summary", "summary": text, "format": OPENAI, "index": 0 })
            }
            Self::Encrypted(data) => {
                json!({ "type": "reasoning.encrypted", "data": data, "format": OPENAI, "index": 0 })
            }
            Self::Text(_) | Self::ScoredText(_) | Self::Refusal(_) | Self::Image(_) | Self::Tool(_) => {
                return None;
            }
        };
        Some(detail)
    }
}

impl From<Delta> for Choice {
    fn from(delta: Delta) -> Self {
        let reasoning_details = delta.detail().into_iter().collect();
        let mut choice = Self {
            delta: chunk::Delta {
                content: Some(String::new()),
                role: Some("assistant"),
                reasoning_details,
                ..chunk::Delta::default()
            },
            ..Self::default()
        };
        match delta {
            Delta::Text(text) => choice.delta.content = Some(text),
            Delta::ScoredText(text) => {
                choice.logprobs = Some(logprobs(vec![score(&text)]));
                choice.delta.content = Some(text);
            }
            Delta::Reasoning(text) | Delta::Summary(text) => choice.delta.reasoning = Some(text),
            Delta::Signature(_) | Delta::Encrypted(_) => {}
            Delta::Refusal(text) => choice.delta.refusal = Some(text),
            Delta::Image(url) => choice.delta.images = vec![image(&url)],
            Delta::Tool(tool) => {
                // In recorded streams, content is null in deltas with function calls and an empty text in all others.
                choice.delta.content = None;
                choice.delta.tool_calls = vec![tool.call];
                choice.finish_reason = tool.finish.map(|finish| finish.reason);
            }
        }
        choice
    }
}

/// Returns `logprobs` of tokens.
fn logprobs(tokens: Vec<Value>) -> Value {
    json!({ "content": tokens, "refusal": null })
}

/// Returns a token with its log probability, which depends on its length only.
fn score(token: &str) -> Value {
    let logprob = -f64::from(u32::try_from(token.len() % 8).unwrap_or_default()) / 8.0;
    json!({ "token": token, "logprob": logprob, "bytes": token.as_bytes(), "top_logprobs": [] })
}

/// Returns an element of `images`.
fn image(url: &str) -> Value {
    json!({ "type": "image_url", "image_url": { "url": url }, "index": 0 })
}

fn append(whole: &mut Option<String>, piece: &str) {
    whole.get_or_insert_default().push_str(piece);
}

/// Appends a delta to the call with its index. A call without an index gets the next one.
fn merge_call(calls: &mut BTreeMap<u64, Value>, delta: &Value) {
    let opens_call = delta["id"].as_str().is_some();
    let last = calls.keys().next_back().copied();
    let next = if opens_call { last.map_or(0, |index| index + 1) } else { last.unwrap_or(0) };
    let index = delta["index"].as_u64().unwrap_or(next);
    let piece = delta["function"]["arguments"].as_str().unwrap_or_default();
    let head = calls.get(&index).and_then(|call| call["function"]["arguments"].as_str()).unwrap_or_default();
    let arguments = json!(format!("{head}{piece}"));
    calls.entry(index).or_insert_with(|| delta.clone())["function"]["arguments"] = arguments;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_function_call_are_joined_by_index_or_by_id() {
        let tool = |call| Delta::Tool(Box::new(ToolDelta { call, finish: None }));
        let check = |calls: [Value; 3]| {
            let reply = Reply { deltas: calls.map(tool).into(), finish: Some(Finish::TOOL_CALLS) };
            let message = reply.choice().message;
            assert_eq!(message.content, None);
            let arguments: Vec<&Value> =
                message.tool_calls.iter().map(|call| &call["function"]["arguments"]).collect();
            assert_eq!(arguments, ["{}", "{}"]);
        };
        check([
            json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": "{}" } }),
            json!({ "index": 1, "id": "b", "function": { "name": "g" } }),
            json!({ "index": 1, "function": { "arguments": "{}" } }),
        ]);
        check([
            json!({ "id": "a", "function": { "name": "f", "arguments": "{}" } }),
            json!({ "id": "b", "function": { "name": "g", "arguments": "{" } }),
            json!({ "function": { "arguments": "}" } }),
        ]);
    }

    #[test]
    fn reasoning_is_joined_and_keeps_its_signature() {
        let reply = Reply {
            deltas: vec![
                Delta::Reasoning("Two and ".to_owned()),
                Delta::Reasoning("two.".to_owned()),
                Delta::Signature("proof".to_owned()),
                Delta::Text("Four".to_owned()),
            ],
            finish: Some(Finish::STOP),
        };
        let message = reply.choice().message;
        assert_eq!(message.reasoning.as_deref(), Some("Two and two."));
        assert_eq!(message.reasoning_details.len(), 1);
        assert_eq!(message.reasoning_details[0]["text"], "Two and two.");
        assert_eq!(message.reasoning_details[0]["signature"], "proof");
        assert_eq!(reply.characters(), (16, 12));
    }
}
