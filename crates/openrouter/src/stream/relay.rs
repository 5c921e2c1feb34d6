//! Relays the chunks of an answer undecoded: reads what the ledger needs and passes the JSON text on.

use std::borrow::Cow;

use causerie_domain::completion::{CompletionError, CompletionEvent, RelayChunk};
use serde_json::{Map, Value, json};

use super::response_builder::ResponseBuilder;
use crate::error;
use crate::wire::chunk::{Choice, Chunk, Delta};
use crate::wire::elements::Elements;
use crate::wire::raw_field::{self, RawField};

/// Content of a delta, measured in bytes of JSON.
#[derive(Debug, Clone, Copy, Default)]
struct Measure {
    text_bytes: usize,
    /// Images, audio and annotations.
    other_bytes: usize,
}

impl ResponseBuilder {
    /// Relays a chunk of a stream.
    ///
    /// Usage is an event of its own, and a chunk that only repeats the finish reason beside usage is dropped: readers
    /// that join the values of chunks would read `stopstop`.
    ///
    /// # Errors
    /// The error in the chunk, at its top level or in a choice. Such a chunk is not relayed: it can name the account.
    pub(super) fn relay_chunk(
        &mut self,
        chunk: &Chunk<'_>,
        json: &str,
        out: &mut Vec<CompletionEvent>,
    ) -> Result<(), CompletionError> {
        self.update_identity(chunk.id, chunk.model, chunk.provider, out);
        self.relay_usage(chunk.usage, out);
        self.recognized |= chunk.choices.is_some() || chunk.usage.is_some();
        let choices = || chunk.choices.iter().flat_map(Elements::iter);
        let errors = [chunk.error].into_iter().chain(choices().map(|choice| choice.error));
        if let Some(error) = errors.flatten().find_map(|error| error::from_error_field(error.get())) {
            return Err(error);
        }
        let had_finish = self.finish.reason.is_some();
        let (mut measure, mut has_finish) = (Measure::default(), false);
        for choice in choices() {
            measure.add(choice.delta.as_ref());
            has_finish |= self.add_finish(choice);
        }
        self.count_relayed(measure);
        let has_content = measure.has_content();
        if has_finish && self.finish.reason.as_ref().is_some_and(|reason| reason.as_str() == "error") {
            return Ok(());
        }
        let repeats_finish = had_finish && has_finish;
        let has_only_usage = chunk.usage.is_some() && !has_finish;
        if !has_content && (repeats_finish || has_only_usage) {
            return Ok(());
        }
        let json = without_usage(json, chunk.usage);
        out.push(CompletionEvent::Chunk(RelayChunk {
            json: one_line(json),
            has_content,
            has_finish,
            text_bytes: measure.text_bytes,
        }));
        Ok(())
    }

    /// Relays a whole completion, which some gateways send although a stream was requested, as one chunk.
    ///
    /// # Errors
    /// As [`ResponseBuilder::relay_chunk`].
    pub(super) fn relay_document(
        &mut self,
        document: &Chunk<'_>,
        json: &str,
        out: &mut Vec<CompletionEvent>,
    ) -> Result<(), CompletionError> {
        let not_a_completion = || error::invalid_response("the answer is not a chat completion", "");
        let Some(Value::Object(object)) = raw_field::parse_lossy::<Value>(json) else {
            return Err(not_a_completion());
        };
        let text = Value::Object(as_chunk(object)).to_string();
        let chunk = Chunk::parse(&text).map_err(|_| not_a_completion())?;
        self.recognized |= document.choices.is_some();
        self.relay_chunk(&chunk, &text, out)
    }

    fn relay_usage(&mut self, usage: RawField<'_>, out: &mut Vec<CompletionEvent>) {
        let Some(raw) = usage.filter(|raw| raw.get().starts_with('{')) else { return };
        let progress = self.progress;
        self.set_usage(usage);
        if self.progress != progress {
            out.push(CompletionEvent::Usage(one_line(Cow::Borrowed(raw.get()))));
        }
    }

    /// Counts the content of a chunk against the limits of an answer.
    fn count_relayed(&mut self, measure: Measure) {
        if measure.has_content() {
            self.progress += 1;
            self.content.has_pieces = true;
            self.content.is_visible = true;
        }
        self.relayed_text_bytes = self.relayed_text_bytes.saturating_add(measure.text_bytes);
        self.retained_bytes = self.retained_bytes.saturating_add(measure.other_bytes);
        if self.relayed_text_bytes > self.limits.max_answer_bytes {
            self.retained_bytes = usize::MAX;
        }
    }

    /// Sets the finish reason of a choice. Returns whether it has one.
    fn add_finish(&mut self, choice: &Choice<'_>) -> bool {
        let reason = raw_field::non_empty_text(choice.finish_reason);
        self.set_finish(reason.as_deref(), raw_field::non_empty_text(choice.native_finish_reason).as_deref());
        reason.is_some()
    }
}

impl Measure {
    fn has_content(self) -> bool {
        self.text_bytes + self.other_bytes > 0
    }

    fn add(&mut self, delta: Option<&Delta<'_>>) {
        let Some(delta) = delta else { return };
        self.text_bytes += size(delta.content) + size(delta.refusal);
        self.text_bytes +=
            size(delta.reasoning).max(size(delta.reasoning_content)).max(size(delta.reasoning_details));
        for call in delta.tool_calls.iter().flat_map(Elements::iter) {
            // An empty piece of arguments is still a piece of a call.
            self.text_bytes += 1 + size(call.id);
            let function = call.function.as_ref();
            self.text_bytes += function.map_or(0, |function| size(function.name) + size(function.arguments));
        }
        self.other_bytes += size(delta.images) + size(delta.audio) + size(delta.annotations);
    }
}

/// Returns the size of a field in bytes of JSON; 0 for empty values.
fn size(field: RawField<'_>) -> usize {
    match field.map(|raw| raw.get()) {
        None | Some("\"\"" | "[]" | "{}") => 0,
        Some(text) => text.len(),
    }
}

/// Replaces the usage of a chunk with `null`.
fn without_usage<'a>(json: &'a str, usage: RawField<'_>) -> Cow<'a, str> {
    let Some(usage) = usage.map(|raw| raw.get()) else { return Cow::Borrowed(json) };
    // The field borrows from the chunk.
    let start = (usage.as_ptr() as usize).wrapping_sub(json.as_ptr() as usize);
    match (json.get(..start), json.get(start.saturating_add(usage.len())..)) {
        (Some(before), Some(after)) => Cow::Owned([before, "null", after].concat()),
        _ => Cow::Borrowed(json),
    }
}

/// Returns JSON on one line. Line ends between its tokens are white space; within strings there are none.
fn one_line(json: Cow<'_, str>) -> String {
    if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ") } else { json.into_owned() }
}

/// Returns a whole completion as a chunk of a stream.
fn as_chunk(mut document: Map<String, Value>) -> Map<String, Value> {
    document.insert("object".to_owned(), json!("chat.completion.chunk"));
    let choices = document.get_mut("choices").and_then(Value::as_array_mut);
    for choice in choices.into_iter().flatten().filter_map(Value::as_object_mut) {
        let Some(mut message) = choice.remove("message") else { continue };
        let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
        for (index, call) in calls.into_iter().flatten().enumerate() {
            if let Some(call) = call.as_object_mut() {
                call.entry("index").or_insert_with(|| json!(index));
            }
        }
        choice.insert("delta".to_owned(), message);
    }
    document
}

#[cfg(test)]
mod tests {
    use causerie_domain::completion::CompletionEnd;

    use super::*;
    use crate::settings::SizeLimits;
    use crate::stream::StreamDecoder;

    fn relayed(body: &str, limits: SizeLimits) -> (Vec<RelayChunk>, Vec<String>, CompletionEnd) {
        let mut decoder = StreamDecoder::relaying(limits);
        let mut events = decoder.push(body.as_bytes());
        events.extend(decoder.finish(None));
        let (mut chunks, mut usage, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for event in events {
            match event {
                CompletionEvent::Chunk(chunk) => chunks.push(chunk),
                CompletionEvent::Usage(json) => usage.push(json),
                CompletionEvent::Ended(end) => ends.push(*end),
                CompletionEvent::Identified(_) => {}
                other => panic!("a relay decodes nothing: {other:?}"),
            }
        }
        assert_eq!(ends.len(), 1);
        (chunks, usage, ends.remove(0))
    }

    fn stream(events: &[&str]) -> String {
        events.iter().map(|event| format!("data: {event}\n\n")).collect()
    }

    #[test]
    fn chunks_are_relayed_byte_by_byte() {
        let chunks = [
            r#"{"id":"gen-1", "unknown":[1.50,1e-7] ,"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
            r#"{"id":"gen-1","choices":[{"index":0,"delta":{"content":"\ud83d\u00e9"},"logprobs":{"content":[]}}]}"#,
            r#"{"id":"gen-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":""}}]}}]}"#,
            r#"{"id":"gen-1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        ];
        let (relayed, usage, end) =
            relayed(&stream(&[&chunks[..], &["[DONE]"]].concat()), SizeLimits::default());
        assert_eq!(relayed.iter().map(|chunk| chunk.json.as_str()).collect::<Vec<_>>(), chunks);
        let flags: Vec<_> = relayed.iter().map(|chunk| (chunk.has_content, chunk.has_finish)).collect();
        assert_eq!(flags, [(false, false), (true, false), (true, false), (false, true)]);
        assert!(usage.is_empty() && end.outcome.is_ok() && end.usage.is_none());
    }

    #[test]
    fn usage_of_each_form_is_an_event_and_a_repeated_finish_reason_is_dropped() {
        let text = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#;
        let finish = r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}]}"#;
        let usage = r#"{"prompt_tokens":1,"completion_tokens":2,"cost":0.0000001}"#;
        for last in [
            format!(r#"{{"choices":[],"usage":{usage}}}"#),
            format!(
                r#"{{"choices":[{{"index":0,"delta":{{"content":""}},"finish_reason":"stop"}}],"usage":{usage}}}"#
            ),
            format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":null}}],"usage":{usage}}}"#),
        ] {
            let (chunks, usages, end) =
                relayed(&stream(&[text, finish, &last, "[DONE]"]), SizeLimits::default());
            assert_eq!(chunks.len(), 2, "{last}");
            assert_eq!(usages, [usage]);
            assert_eq!(end.usage.unwrap().tokens.output, Some(2));
        }
        let together = finish.replacen('{', &format!(r#"{{"usage":{usage},"#), 1);
        let (chunks, usages, _) = relayed(&stream(&[text, &together, "[DONE]"]), SizeLimits::default());
        assert_eq!((chunks.len(), usages.len()), (2, 1));
        let last: Value = serde_json::from_str(&chunks[1].json).unwrap();
        assert_eq!((&last["usage"], &last["choices"][0]["finish_reason"]), (&Value::Null, &json!("stop")));
    }

    #[test]
    fn an_error_ends_the_answer_and_is_not_relayed() {
        let text = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
        for error in [
            r#"{"error":{"code":502,"message":"no"},"user_id":"user_secret"}"#,
            r#"{"choices":[{"index":0,"delta":{"content":""},"error":{"code":502,"message":"no"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
        ] {
            let (chunks, _, end) = relayed(&stream(&[text, error, "[DONE]"]), SizeLimits::default());
            assert_eq!((chunks.len(), end.outcome.is_err()), (1, true), "{error}");
        }
    }

    #[test]
    fn a_stream_that_breaks_off_is_no_answer() {
        let text = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
        assert!(relayed(&stream(&[text]), SizeLimits::default()).2.outcome.is_err());
        assert!(relayed(&stream(&["[DONE]"]), SizeLimits::default()).2.outcome.is_err());
        assert!(relayed("<html>", SizeLimits::default()).2.outcome.is_err());
    }

    #[test]
    fn a_whole_document_becomes_one_chunk() {
        let document = r#" {"id":"gen-1","object":"chat.completion","choices":[{"index":0,"finish_reason":"tool_calls","message":
            {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}}],
            "usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
        let (chunks, usage, end) = relayed(document, SizeLimits::default());
        assert_eq!((chunks.len(), usage.len(), end.outcome.is_ok()), (1, 1, true));
        let chunk: Value = serde_json::from_str(&chunks[0].json).unwrap();
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["choices"][0]["delta"]["tool_calls"][0]["index"], 0);
        assert_eq!(chunk["usage"], Value::Null);
    }

    #[test]
    fn an_answer_beyond_its_limit_fails() {
        let text = r#"{"choices":[{"index":0,"delta":{"content":"0123456789"}}]}"#;
        let limits = SizeLimits { max_answer_bytes: 20, ..SizeLimits::default() };
        let (chunks, _, end) = relayed(&stream(&[text; 9]), limits);
        assert!(end.outcome.is_err() && chunks.len() <= 2, "{}", chunks.len());
    }

    #[test]
    fn lines_within_the_data_are_joined() {
        let (chunks, ..) = relayed(
            "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n",
            SizeLimits::default(),
        );
        assert!(!chunks[0].json.contains('\n'));
    }
}
