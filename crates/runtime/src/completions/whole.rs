//! Builds a whole answer from the chunks of a stream.

use std::sync::Arc;

use serde_json::{Map, Value, json};

/// Whole answer in progress.
#[derive(Debug, Default)]
pub(super) struct WholeAnswer {
    /// Members of the chunks beside the choices; the last value counts.
    members: Map<String, Value>,
    choice: Map<String, Value>,
    message: Map<String, Value>,
    calls: Vec<Map<String, Value>>,
}

/// Texts of a delta, which are joined.
const TEXTS: [&str; 4] = ["content", "reasoning", "reasoning_content", "refusal"];
/// Lists of a delta, which are joined.
const LISTS: [&str; 3] = ["annotations", "images", "reasoning_details"];

impl WholeAnswer {
    /// Adds a chunk. What cannot be parsed is left out.
    pub(super) fn add(&mut self, json: &str) {
        let Ok(Value::Object(mut chunk)) = serde_json::from_str(json) else { return };
        let choices = chunk.remove("choices");
        chunk.retain(|_, value| !value.is_null());
        self.members.extend(chunk);
        let Some(Value::Array(choices)) = choices else { return };
        let choices = choices.into_iter().filter_map(|choice| match choice {
            Value::Object(choice) => Some(choice),
            _ => None,
        });
        for mut choice in choices.filter(|choice| choice.get("index").is_none_or(|index| index == 0)) {
            if let Some(Value::Object(delta)) = choice.remove("delta") {
                self.add_delta(delta);
            }
            if let Some(Value::Object(logprobs)) = choice.remove("logprobs") {
                self.add_logprobs(logprobs);
            }
            choice.retain(|_, value| !value.is_null());
            self.choice.extend(choice);
        }
    }

    /// Returns the answer as JSON, with the usage object of the upstream.
    pub(super) fn finish(self, usage: Option<&Arc<str>>) -> String {
        let WholeAnswer { mut members, mut choice, mut message, calls } = self;
        message.entry("role").or_insert_with(|| json!("assistant"));
        message.entry("content").or_insert(Value::Null);
        message.entry("refusal").or_insert(Value::Null);
        if !calls.is_empty() {
            // An empty text beside calls is no text.
            if message.get("content") == Some(&json!("")) {
                message.insert("content".to_owned(), Value::Null);
            }
            message.insert("tool_calls".to_owned(), calls.into_iter().map(without_index).collect());
        }
        choice.insert("index".to_owned(), json!(0));
        choice.entry("logprobs").or_insert(Value::Null);
        choice.entry("finish_reason").or_insert(Value::Null);
        choice.insert("message".to_owned(), message.into());
        members.insert("object".to_owned(), json!("chat.completion"));
        members.insert("choices".to_owned(), json!([choice]));
        let mut text = Value::Object(members).to_string();
        if let Some(usage) = usage {
            // The usage keeps its decimal digits.
            text.pop();
            text.push_str(",\"usage\":");
            text.push_str(usage);
            text.push('}');
        }
        text
    }

    fn add_delta(&mut self, delta: Map<String, Value>) {
        for (name, value) in delta {
            match value {
                Value::Null => {}
                Value::Array(calls) if name == "tool_calls" => {
                    calls.into_iter().for_each(|call| self.add_call(call))
                }
                Value::String(text) if TEXTS.contains(&name.as_str()) => {
                    append(&mut self.message, &name, &text)
                }
                Value::Array(parts) if name == "content" => self.add_parts(parts),
                Value::Object(pieces) if matches!(name.as_str(), "function_call" | "audio") => {
                    if let Value::Object(whole) = self.message.entry(name).or_insert_with(|| json!({})) {
                        add_function(whole, pieces);
                    }
                }
                Value::Array(new) if LISTS.contains(&name.as_str()) => self.add_to_list(name, new),
                value => {
                    self.message.insert(name, value);
                }
            }
        }
    }

    /// Adds content parts. A text before them becomes a part.
    fn add_parts(&mut self, parts: Vec<Value>) {
        let content = self.message.entry("content").or_insert_with(|| json!([]));
        if let Value::String(text) = content {
            *content = match text.is_empty() {
                true => json!([]),
                false => json!([{"type": "text", "text": text}]),
            };
        }
        if let Value::Array(list) = content {
            list.extend(parts);
        }
    }

    fn add_to_list(&mut self, name: String, new: Vec<Value>) {
        let joins_pieces = name == "reasoning_details";
        let Some(Value::Array(list)) = Some(self.message.entry(name).or_insert_with(|| json!([]))) else {
            return;
        };
        for value in new {
            match list.last_mut() {
                Some(last) if joins_pieces && continues(last, &value) => join_piece(last, value),
                _ => list.push(value),
            }
        }
    }

    /// Adds a piece of a call. A piece without an index belongs to the last call, unless it has an id of its own.
    fn add_call(&mut self, piece: Value) {
        let Value::Object(piece) = piece else { return };
        let index = piece.get("index").and_then(Value::as_u64);
        let id = piece.get("id").and_then(Value::as_str).unwrap_or_default();
        let known = match index {
            Some(_) => self.calls.iter().position(|call| call.get("index").and_then(Value::as_u64) == index),
            None if id.is_empty() => self.calls.len().checked_sub(1),
            None => self.calls.iter().position(|call| call.get("id").and_then(Value::as_str) == Some(id)),
        };
        let place = known.unwrap_or_else(|| {
            self.calls.push(Map::new());
            self.calls.len() - 1
        });
        let Some(call) = self.calls.get_mut(place) else { return };
        for (name, value) in piece {
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                ("function" | "custom", Value::Object(pieces)) => {
                    if let Value::Object(whole) = call.entry(name).or_insert_with(|| json!({})) {
                        add_function(whole, pieces);
                    }
                }
                ("id", Value::String(id)) if id.is_empty() => {}
                (_, value) => {
                    call.insert(name, value);
                }
            }
        }
    }

    fn add_logprobs(&mut self, logprobs: Map<String, Value>) {
        let Value::Object(whole) = self.choice.entry("logprobs").or_insert_with(|| json!({})) else { return };
        for (name, value) in logprobs {
            match (whole.get_mut(&name), value) {
                (Some(Value::Array(list)), Value::Array(new)) => list.extend(new),
                (Some(_), Value::Null) => {}
                (_, value) => {
                    whole.insert(name, value);
                }
            }
        }
    }
}

fn append(object: &mut Map<String, Value>, name: &str, text: &str) {
    match object.get_mut(name) {
        Some(Value::String(whole)) => whole.push_str(text),
        Some(Value::Array(parts)) if !text.is_empty() => parts.push(json!({"type": "text", "text": text})),
        Some(Value::Array(_)) => {}
        _ => {
            object.insert(name.to_owned(), text.into());
        }
    }
}

/// Adds the pieces of a function or of audio: texts are joined, other values such as the name are set.
fn add_function(whole: &mut Map<String, Value>, pieces: Map<String, Value>) {
    for (name, value) in pieces {
        match value {
            Value::Null => {}
            Value::String(text) if matches!(name.as_str(), "arguments" | "input" | "data" | "transcript") => {
                append(whole, &name, &text)
            }
            Value::String(text) if text.is_empty() && whole.contains_key(&name) => {}
            value => {
                whole.insert(name, value);
            }
        }
    }
}

fn without_index(mut call: Map<String, Value>) -> Value {
    call.remove("index");
    if call.contains_key("function") {
        call.entry("type").or_insert_with(|| json!("function"));
    }
    call.into()
}

/// Returns whether a reasoning record is the next piece of another one.
fn continues(last: &Value, next: &Value) -> bool {
    let same = |name: &str| last.get(name) == next.get(name);
    let is_text =
        matches!(next.get("type").and_then(Value::as_str), Some("reasoning.text" | "reasoning.summary"));
    is_text && same("type") && same("index") && last.get("signature").is_none_or(Value::is_null)
}

fn join_piece(last: &mut Value, next: Value) {
    let (Value::Object(last), Value::Object(next)) = (last, next) else { return };
    for (name, value) in next {
        match value {
            Value::Null => {}
            Value::String(text) if matches!(name.as_str(), "text" | "summary") => append(last, &name, &text),
            value => {
                last.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(chunks: &[Value], usage: Option<&str>) -> Value {
        let mut answer = WholeAnswer::default();
        chunks.iter().for_each(|chunk| answer.add(&chunk.to_string()));
        serde_json::from_str(&answer.finish(usage.map(Arc::from).as_ref())).unwrap()
    }

    fn chunk(delta: Value) -> Value {
        json!({"id": "gen-1", "object": "chat.completion.chunk", "created": 7, "model": "a/b", "provider": "P",
            "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
    }

    #[test]
    fn texts_and_logprobs_are_joined_and_the_last_values_count() {
        let mut first = chunk(json!({"role": "assistant", "content": "", "reasoning": "Hm"}));
        first["choices"][0]["logprobs"] = json!({"content": [{"token": "a"}], "refusal": null});
        let mut last = chunk(json!({"content": "lo", "images": [{"image_url": {"url": "data:"}}]}));
        last["choices"][0]["logprobs"] = json!({"content": [{"token": "b"}]});
        last["choices"][0]["finish_reason"] = json!("stop");
        last["choices"][0]["native_finish_reason"] = json!("end_turn");
        let answer = whole(
            &[first, chunk(json!({"content": "Hel", "reasoning": null})), last],
            Some(r#"{"cost":1e-7}"#),
        );
        let choice = &answer["choices"][0];
        assert_eq!(choice["message"]["content"], "Hello");
        assert_eq!(choice["message"]["reasoning"], "Hm");
        assert_eq!(choice["message"]["images"][0]["image_url"]["url"], "data:");
        assert_eq!(choice["logprobs"]["content"], json!([{"token": "a"}, {"token": "b"}]));
        assert_eq!(
            (&choice["finish_reason"], &choice["native_finish_reason"]),
            (&json!("stop"), &json!("end_turn"))
        );
        assert_eq!((&answer["object"], &answer["provider"]), (&json!("chat.completion"), &json!("P")));
        assert_eq!(answer["usage"]["cost"], 1e-7);
    }

    #[test]
    fn calls_are_put_together_with_and_without_an_index() {
        let call = |piece: Value| chunk(json!({"content": null, "tool_calls": [piece]}));
        for (first, second) in [(json!(0), json!(1)), (Value::Null, Value::Null)] {
            let answer = whole(
                &[
                    call(
                        json!({"index": first, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}),
                    ),
                    call(json!({"index": first, "id": null, "function": {"arguments": "{\"a\":"}})),
                    call(json!({"index": first, "function": {"name": "", "arguments": "1}"}})),
                    call(json!({"index": second, "id": "c2", "function": {"name": "g", "arguments": "{}"}})),
                ],
                None,
            );
            let message = &answer["choices"][0]["message"];
            assert_eq!(message["content"], Value::Null);
            assert_eq!(
                message["tool_calls"],
                json!([
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
                    {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ])
            );
        }
    }

    #[test]
    fn pieces_of_reasoning_records_are_joined() {
        let details = |record: Value| chunk(json!({"reasoning_details": [record]}));
        let answer = whole(
            &[
                details(json!({"type": "reasoning.text", "text": "a", "index": 0})),
                details(json!({"type": "reasoning.text", "text": "b", "index": 0})),
                details(json!({"type": "reasoning.text", "signature": "s", "index": 0})),
                details(json!({"type": "reasoning.encrypted", "data": "x", "index": 1})),
            ],
            None,
        );
        assert_eq!(
            answer["choices"][0]["message"]["reasoning_details"],
            json!([
                {"type": "reasoning.text", "text": "ab", "signature": "s", "index": 0},
                {"type": "reasoning.encrypted", "data": "x", "index": 1},
            ])
        );
    }

    #[test]
    fn pieces_of_old_calls_audio_and_parts_are_joined() {
        let answer = whole(
            &[
                chunk(json!({"function_call": {"name": "f", "arguments": ""}, "content": "a"})),
                chunk(
                    json!({"function_call": {"arguments": "{\"a\""}, "content": [{"type": "text", "text": "b"}]}),
                ),
                chunk(json!({"function_call": {"arguments": ":1}"}, "content": "c"})),
                chunk(json!({"audio": {"id": "x", "data": "AAAA", "transcript": "he"}})),
                chunk(json!({"audio": {"data": "BBBB", "transcript": "y", "expires_at": 5}})),
            ],
            None,
        );
        let message = &answer["choices"][0]["message"];
        assert_eq!(message["function_call"], json!({"name": "f", "arguments": "{\"a\":1}"}));
        let audio = json!({"id": "x", "data": "AAAABBBB", "transcript": "hey", "expires_at": 5});
        assert_eq!(message["audio"], audio);
        let texts = message["content"].as_array().unwrap().iter().map(|part| &part["text"]);
        assert_eq!(texts.collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
