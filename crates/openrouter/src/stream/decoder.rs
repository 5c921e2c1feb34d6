//! Decodes the bytes of a response to events, whatever the bytes are.

use std::mem;

use causerie_domain::completion::{CompletionError, CompletionErrorKind, CompletionEvent};

use serde::de::IgnoredAny;

use super::event;
use super::event_splitter::EventSplitter;
use super::non_event_text::NonEventText;
use super::outcome::Termination;
use super::response_builder::{ChoiceFormat, ResponseBuilder};
use crate::error;
use crate::settings::SizeLimits;
use crate::wire::chunk::Chunk;
use crate::wire::raw_field;

/// Decodes the body of one response: a stream of events, one JSON document, or neither.
///
/// The first bytes decide, not the content type: errors come as JSON under every content type, and some gateways
/// ignore `stream` and send a whole document. Bytes are added with [`push`](Self::push), and
/// [`finish`](Self::finish) ends the body. Exactly one [`CompletionEvent::Ended`] is returned, as the last event; later
/// bytes are ignored.
///
/// Time is linear in the bytes, memory is bounded by the [`SizeLimits`].
///
/// ```
/// use causerie_domain::completion::CompletionEvent;
/// use causerie_openrouter::{SizeLimits, StreamDecoder};
///
/// let mut decoder = StreamDecoder::new(SizeLimits::default());
/// let events = decoder.push(b"data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n");
/// assert_eq!(events, [CompletionEvent::Text("Hi".to_owned())]);
/// let events = decoder.push(b"data: [DONE]\n\n");
/// assert!(matches!(&events[..], [CompletionEvent::Ended(end)] if end.outcome.is_ok()));
/// ```
#[derive(Debug, Clone)]
pub struct StreamDecoder {
    body: Body,
    builder: ResponseBuilder,
    non_event_text: NonEventText,
    limits: SizeLimits,
}

#[derive(Debug, Clone)]
enum Body {
    /// Only whitespace so far.
    Unknown,
    Events(EventSplitter),
    Json(Vec<u8>),
    /// HTML or similar; its beginning is retained for the logs.
    Html(Vec<u8>),
    Ended,
}

/// Decodes a whole body at once, streamed or not.
pub fn decode(body: &[u8], limits: SizeLimits) -> Vec<CompletionEvent> {
    let mut decoder = StreamDecoder::new(limits);
    let mut events = decoder.push(body);
    events.extend(decoder.finish(None));
    events
}

impl StreamDecoder {
    /// Creates a decoder for one body.
    pub fn new(limits: SizeLimits) -> Self {
        StreamDecoder {
            body: Body::Unknown,
            builder: ResponseBuilder::new(limits),
            non_event_text: NonEventText::default(),
            limits,
        }
    }

    /// Creates a decoder for one body whose chunks are relayed: it returns [`CompletionEvent::Chunk`] and
    /// [`CompletionEvent::Usage`] in place of decoded content.
    pub fn relaying(limits: SizeLimits) -> Self {
        let mut decoder = StreamDecoder::new(limits);
        decoder.builder.is_relayed = true;
        decoder
    }

    /// Sets the generation id of the HTTP headers, which takes precedence over ids in the body.
    pub fn set_generation_id(&mut self, generation_id: String) -> Vec<CompletionEvent> {
        let mut out = Vec::new();
        self.builder.set_header_id(generation_id, &mut out);
        out
    }

    /// Adds bytes and returns the events that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<CompletionEvent> {
        let mut out = Vec::new();
        match &mut self.body {
            Body::Unknown => {
                // Keep-alives are whitespace, which has no meaning before either kind of body.
                let blank = |byte: &u8| b" \t\r\n\xef\xbb\xbf".contains(byte);
                if let Some(start) = bytes.iter().position(|byte| !blank(byte)) {
                    self.body = match bytes[start] {
                        b'{' | b'[' => Body::Json(Vec::new()),
                        b'<' => Body::Html(Vec::new()),
                        _ => Body::Events(EventSplitter::new(self.limits.max_event_bytes)),
                    };
                    return self.push(&bytes[start..]);
                }
            }
            Body::Events(splitter) => {
                splitter.push(bytes);
                self.decode_events(&mut out);
            }
            Body::Json(document) => {
                document.extend_from_slice(bytes);
                self.builder.progress += 1;
                if document.len() > self.limits.max_body_bytes {
                    self.end(Termination::Failed(oversized("the answer")), &mut out);
                }
            }
            Body::Html(page) => {
                page.extend_from_slice(bytes);
                // One byte more than the excerpt, so that truncation of its last word is detected.
                if page.len() > error::MAX_EXCERPT_BYTES {
                    let error = html_error(page);
                    self.end(Termination::Failed(error), &mut out);
                }
            }
            Body::Ended => {}
        }
        out
    }

    /// Ends the body. `error` is the reason if it broke off.
    ///
    /// An incomplete last event is used if it can be decoded: connections end before the last blank line.
    pub fn finish(&mut self, error: Option<CompletionError>) -> Vec<CompletionEvent> {
        let mut out = Vec::new();
        let termination = match mem::replace(&mut self.body, Body::Unknown) {
            Body::Unknown => interrupted(error),
            Body::Events(splitter) => self.decode_rest(splitter.rest(), error, &mut out),
            Body::Json(document) => self.decode_document(&document, error, &mut out),
            Body::Html(page) => Termination::Failed(html_error(&page)),
            Body::Ended => {
                self.body = Body::Ended;
                return out;
            }
        };
        self.end(termination, &mut out);
        out
    }

    /// Returns whether the answer may be complete, although the upstream has not ended it: the finish reason and usage
    /// have arrived, or bytes that look like a whole document.
    pub fn is_answered(&self) -> bool {
        match &self.body {
            Body::Json(document) => document.trim_ascii_end().ends_with(b"}"),
            Body::Events(_) => self.builder.is_answered(),
            Body::Unknown | Body::Html(_) | Body::Ended => false,
        }
    }

    /// Ends the body if the answer is complete, as [`finish`](Self::finish) does; otherwise returns nothing.
    pub fn finish_if_answered(&mut self) -> Vec<CompletionEvent> {
        let is_whole = match &self.body {
            Body::Json(document) => serde_json::from_slice::<IgnoredAny>(document).is_ok(),
            _ => self.is_answered(),
        };
        if is_whole { self.finish(None) } else { Vec::new() }
    }

    /// Returns whether the final event was returned.
    pub fn is_ended(&self) -> bool {
        matches!(self.body, Body::Ended)
    }

    /// Returns a counter that grows with each progress of the answer: text, reasoning, a tool call, the finish reason
    /// or usage. Keep-alive comments and empty deltas do not change it.
    pub fn progress(&self) -> u64 {
        self.builder.progress
    }

    fn decode_events(&mut self, out: &mut Vec<CompletionEvent>) {
        let Body::Events(splitter) = &mut self.body else { return };
        let termination = loop {
            let event = match splitter.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => return,
                Err(_) => break Termination::Failed(oversized("an event")),
            };
            let ended = match event::parse_data(event) {
                Ok(Some(data)) => self.builder.add_event(&data, out),
                Ok(None) => {
                    self.non_event_text.add(event);
                    None
                }
                Err(_) => Some(Termination::Failed(invalid_utf8(event))),
            };
            if let Some(termination) = ended {
                break termination;
            }
        };
        self.end(termination, out);
    }

    fn decode_rest(
        &mut self,
        rest: &[u8],
        error: Option<CompletionError>,
        out: &mut Vec<CompletionEvent>,
    ) -> Termination {
        match event::parse_data(rest) {
            Ok(Some(data)) if data.trim() == DONE || Chunk::parse(&data).is_ok() => {
                if let Some(termination) = self.builder.add_event(&data, out) {
                    return termination;
                }
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => self.non_event_text.add(rest),
        }
        let text = self.non_event_text.as_str();
        match error {
            None if text.is_empty() => interrupted(None),
            None if !self.builder.recognized => {
                Termination::Failed(error::invalid_response("the upstream answered with plain text", text))
            }
            None => Termination::Interrupted(error::interrupted(text)),
            error => interrupted(error),
        }
    }

    fn decode_document(
        &mut self,
        document: &[u8],
        error: Option<CompletionError>,
        out: &mut Vec<CompletionEvent>,
    ) -> Termination {
        let invalid_json = |text: &str| error::invalid_response("the answer is not valid JSON", text);
        let Ok(json) = std::str::from_utf8(document) else {
            return match error {
                Some(error) => Termination::Interrupted(error),
                None => Termination::Failed(invalid_json(&String::from_utf8_lossy(document))),
            };
        };
        match Chunk::parse(json) {
            Ok(chunk) if self.builder.is_relayed => match self.builder.relay_document(&chunk, json, out) {
                Ok(()) => self.builder.exceeded_limit().unwrap_or(Termination::Completed),
                Err(error) => Termination::Failed(error),
            },
            Ok(chunk) => match self.builder.add_chunk(&chunk, ChoiceFormat::Message, out) {
                Ok(()) => self.builder.exceeded_limit().unwrap_or(Termination::Completed),
                Err(error) => Termination::Failed(error),
            },
            // A broken connection leaves an incomplete document.
            Err(parse_error) if parse_error.is_eof() => interrupted(error),
            Err(_) => Termination::Failed(invalid_json(json)),
        }
    }

    fn end(&mut self, termination: Termination, out: &mut Vec<CompletionEvent>) {
        self.body = Body::Ended;
        self.builder.content.finish(out);
        let builder = mem::replace(&mut self.builder, ResponseBuilder::new(self.limits));
        let end = builder.into_end(termination);
        out.push(CompletionEvent::Ended(Box::new(end)));
    }
}

impl ResponseBuilder {
    /// Adds the data of one event; returns how the response ended, if it did.
    fn add_event(&mut self, data: &str, out: &mut Vec<CompletionEvent>) -> Option<Termination> {
        let json = data.trim();
        if json.is_empty() {
            return None;
        }
        if json == DONE {
            // An answer of nothing else is a completion without content.
            self.recognized = true;
            return Some(Termination::Completed);
        }
        let result = match Chunk::parse(json) {
            Ok(chunk) if self.is_relayed => self.relay_chunk(&chunk, json, out),
            Ok(chunk) => match raw_field::text(chunk.kind).as_deref() {
                Some(kind) if kind.starts_with("response.") && chunk.error.is_none() => {
                    self.add_responses_event(kind, json, out)
                }
                _ => self.add_chunk(&chunk, ChoiceFormat::Delta, out),
            },
            Err(_) => Err(error::invalid_event("an event of the answer is not valid JSON", json.as_bytes())),
        };
        match result {
            Err(error) => Some(Termination::Failed(error)),
            Ok(()) => self.exceeded_limit(),
        }
    }

    /// Returns the end of an answer that exceeded a size limit.
    fn exceeded_limit(&self) -> Option<Termination> {
        if self.content.is_cut {
            Some(Termination::Cut)
        } else if self.is_oversized() {
            Some(Termination::Failed(oversized("the answer")))
        } else {
            None
        }
    }
}

/// The data of the event that ends a stream.
const DONE: &str = "[DONE]";

fn interrupted(error: Option<CompletionError>) -> Termination {
    Termination::Interrupted(error.unwrap_or_else(|| error::interrupted("")))
}

fn html_error(page: &[u8]) -> CompletionError {
    error::invalid_response("the upstream answered with a web page", &String::from_utf8_lossy(page))
}

/// Creates the error of an event that is not UTF-8. Without data it is a text between the events, such as that of a
/// proxy in another encoding.
fn invalid_utf8(event: &[u8]) -> CompletionError {
    let message = "an event of the answer is not valid UTF-8";
    if event.windows(5).any(|window| window == b"data:") {
        return error::invalid_event(message, event);
    }
    error::invalid_response(message, &String::from_utf8_lossy(event))
}

fn oversized(what: &str) -> CompletionError {
    let mut error =
        CompletionError::new(CompletionErrorKind::InvalidResponse, format!("{what} is larger than allowed"));
    // A retry would get the same amount of data.
    error.retryable = false;
    error
}
