//! What "H, storing" parses of bodies: the message of a request, text and usage of an answer.

use std::borrow::Cow;

use memchr::{memchr, memmem};
use serde::Deserialize;

/// Member of an event before the text.
const CONTENT: &[u8] = b"\"content\":";
const USAGE: &[u8] = b"\"usage\":";
const DONE: &[u8] = b"data: [DONE]";

#[derive(Debug, Deserialize)]
struct RequestBody<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
}

/// Returns the model and the last message of a request; `None` if it has another form.
pub(super) fn parse_request(body: &[u8]) -> Option<(String, String)> {
    let RequestBody { model, messages } = serde_json::from_slice(body).ok()?;
    Some((model.into_owned(), messages.into_iter().next_back()?.content.into_owned()))
}

/// Token counts and cost of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
pub(super) struct Usage {
    pub(super) prompt_tokens: u32,
    pub(super) completion_tokens: u32,
    /// In US dollars.
    pub(super) cost: f64,
}

/// Text and usage of an answer, collected from its events.
#[derive(Debug, Default)]
pub(super) struct Collector {
    /// Start of a line whose end has not arrived.
    rest: Vec<u8>,
    pub(super) text: String,
    pub(super) usage: Usage,
}

impl Collector {
    /// Reads a part of the body. Returns whether it contains the end of the stream.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> bool {
        let mut is_done = false;
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, following) = bytes.split_at(end + 1);
            bytes = following;
            if self.rest.is_empty() {
                is_done |= self.read_line(line);
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(line);
                is_done |= self.read_line(&whole);
            }
        }
        self.rest.extend_from_slice(bytes);
        is_done
    }

    fn read_line(&mut self, line: &[u8]) -> bool {
        if line.starts_with(DONE) {
            return true;
        }
        if let Some(text) = member::<Cow<'_, str>>(line, CONTENT) {
            self.text.push_str(&text);
        }
        if let Some(usage) = member(line, USAGE) {
            self.usage = usage;
        }
        false
    }
}

/// Parses the value after a key, without parsing the object around it.
fn member<'a, T: Deserialize<'a>>(line: &'a [u8], key: &[u8]) -> Option<T> {
    let value = &line[memmem::find(line, key)? + key.len()..];
    serde_json::Deserializer::from_slice(value).into_iter().next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = concat!(
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"A \\\"light\\\" \"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"talk\"}}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"cost\":0.5,\"other\":{}}}\n\n",
        "data: [DONE]\n\n"
    );

    #[test]
    fn text_and_usage_are_collected_at_any_cut() {
        for cut in 0..STREAM.len() {
            let (first, second) = STREAM.as_bytes().split_at(cut);
            let mut collector = Collector::default();
            let is_done = collector.push(first) | collector.push(second);
            assert!(is_done, "{cut}");
            assert_eq!(collector.text, "A \"light\" talk", "{cut}");
            assert_eq!(collector.usage, Usage { prompt_tokens: 3, completion_tokens: 4, cost: 0.5 }, "{cut}");
        }
    }

    #[test]
    fn the_last_message_of_a_request_is_stored() {
        let body =
            r#"{"model":"m","messages":[{"role":"system","content":"a"},{"role":"user","content":"b\n"}]}"#;
        assert_eq!(parse_request(body.as_bytes()), Some(("m".into(), "b\n".into())));
        assert_eq!(parse_request(b"{}"), None);
    }
}
