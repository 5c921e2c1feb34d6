//! From the bytes of an answer to its events, whatever the bytes turn out to be.

use std::mem;

use causerie_domain::completion::{CompletionError, CompletionErrorKind, CompletionEvent};

use super::assembly::{Assembly, Form};
use super::ending::Ending;
use super::event;
use super::guard::EventGuard;
use super::stray::Stray;
use crate::error;
use crate::settings::SizeLimits;
use crate::wire::chunk::Chunk;
use crate::wire::leaf;

/// Decodes the body of one answer: a stream of events, one JSON document, or neither.
///
/// The bytes decide, not their label: errors come as JSON under every content type, and gateways that ignore
/// `stream` answer whole. Feed it with [`push`](Self::push) and close it with [`finish`](Self::finish);
/// it gives out exactly one [`CompletionEvent::Ended`], as the last event, and takes no more bytes afterwards.
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
    assembly: Assembly,
    stray: Stray,
    limits: SizeLimits,
}

#[derive(Debug, Clone)]
enum Body {
    /// Nothing but blanks so far.
    Undecided,
    Events(EventGuard),
    Document(Vec<u8>),
    /// HTML or the like: its beginning, for the logs.
    Page(Vec<u8>),
    Over,
}

/// Decodes a whole body at once, streamed or not.
pub fn decode(body: &[u8], limits: SizeLimits) -> Vec<CompletionEvent> {
    let mut decoder = StreamDecoder::new(limits);
    let mut events = decoder.push(body);
    events.extend(decoder.finish(None));
    events
}

impl StreamDecoder {
    /// A decoder at the start of a body.
    pub fn new(limits: SizeLimits) -> Self {
        StreamDecoder {
            body: Body::Undecided,
            assembly: Assembly::default(),
            stray: Stray::default(),
            limits,
        }
    }

    /// Takes the generation id that came with the HTTP head; it counts for more than the ones in the body.
    pub fn set_generation_id(&mut self, generation_id: String) -> Vec<CompletionEvent> {
        let mut out = Vec::new();
        self.assembly.settle_id(generation_id, &mut out);
        out
    }

    /// Takes bytes and gives the events they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<CompletionEvent> {
        let mut out = Vec::new();
        match &mut self.body {
            Body::Undecided => {
                // Heartbeats are blanks, and blanks mean nothing before either kind of body.
                let blank = |byte: &u8| b" \t\r\n\xef\xbb\xbf".contains(byte);
                if let Some(start) = bytes.iter().position(|byte| !blank(byte)) {
                    self.body = match bytes[start] {
                        b'{' | b'[' => Body::Document(Vec::new()),
                        b'<' => Body::Page(Vec::new()),
                        _ => Body::Events(EventGuard::new(self.limits.max_event_bytes)),
                    };
                    return self.push(&bytes[start..]);
                }
            }
            Body::Events(guard) => {
                guard.push(bytes);
                self.read_events(&mut out);
            }
            Body::Document(document) => {
                document.extend_from_slice(bytes);
                self.assembly.progress += 1;
                if document.len() > self.limits.max_body_bytes {
                    self.end(Ending::Failed(oversized("the answer")), &mut out);
                }
            }
            Body::Page(page) => {
                page.extend_from_slice(bytes);
                // One byte more than is kept, so that it is known whether the last word was cut.
                if page.len() > error::EXCERPT {
                    let error = page_error(page);
                    self.end(Ending::Failed(error), &mut out);
                }
            }
            Body::Over => {}
        }
        out
    }

    /// Takes the end of the body; `broken` is what broke it, if it did not just end.
    ///
    /// An unfinished last event counts if it can be read: connections end before the last blank line.
    pub fn finish(&mut self, broken: Option<CompletionError>) -> Vec<CompletionEvent> {
        let mut out = Vec::new();
        let ending = match mem::replace(&mut self.body, Body::Undecided) {
            Body::Undecided => cut(broken),
            Body::Events(guard) => self.read_rest(guard.rest(), broken, &mut out),
            Body::Document(document) => self.read_document(&document, broken, &mut out),
            Body::Page(page) => Ending::Failed(page_error(&page)),
            Body::Over => {
                self.body = Body::Over;
                return out;
            }
        };
        self.end(ending, &mut out);
        out
    }

    /// Whether the end was given out.
    pub fn is_ended(&self) -> bool {
        matches!(self.body, Body::Over)
    }

    /// A number that grows whenever the answer comes forward, by text, reasoning, a tool call, its finish or its
    /// usage; keep-alive comments and empty deltas leave it.
    pub fn progress(&self) -> u64 {
        self.assembly.progress
    }

    fn read_events(&mut self, out: &mut Vec<CompletionEvent>) {
        let Body::Events(guard) = &mut self.body else { return };
        let ending = loop {
            let event = match guard.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => return,
                Err(_) => break Ending::Failed(oversized("an event")),
            };
            let ended = match event::data(event) {
                Ok(Some(data)) => self.assembly.read_event(&data, self.limits, out),
                Ok(None) => {
                    self.stray.take(event);
                    None
                }
                Err(_) => Some(Ending::Failed(error::unreadable(
                    "an event of the answer is not valid UTF-8",
                    &String::from_utf8_lossy(event),
                ))),
            };
            if let Some(ending) = ended {
                break ending;
            }
        };
        self.end(ending, out);
    }

    fn read_rest(
        &mut self,
        rest: &[u8],
        broken: Option<CompletionError>,
        out: &mut Vec<CompletionEvent>,
    ) -> Ending {
        match event::data(rest) {
            Ok(Some(data)) if data.trim() == DONE || Chunk::parse(&data).is_ok() => {
                if let Some(ending) = self.assembly.read_event(&data, self.limits, out) {
                    return ending;
                }
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => self.stray.take(rest),
        }
        let stray = self.stray.text();
        match broken {
            None if stray.is_empty() => cut(None),
            None if !self.assembly.recognised => {
                Ending::Failed(error::unreadable("the upstream answered with plain text", stray))
            }
            None => Ending::Broken(error::interrupted(stray)),
            broken => cut(broken),
        }
    }

    fn read_document(
        &mut self,
        document: &[u8],
        broken: Option<CompletionError>,
        out: &mut Vec<CompletionEvent>,
    ) -> Ending {
        let unreadable = |text: &str| error::unreadable("the answer is not valid JSON", text);
        let Ok(json) = std::str::from_utf8(document) else {
            return match broken {
                Some(error) => Ending::Broken(error),
                None => Ending::Failed(unreadable(&String::from_utf8_lossy(document))),
            };
        };
        match Chunk::parse(json) {
            Ok(chunk) => match self.assembly.absorb(&chunk, Form::Whole, out) {
                Ok(()) => Ending::Said,
                Err(error) => Ending::Failed(error),
            },
            // Half a document is what a broken connection leaves.
            Err(error) if error.is_eof() => cut(broken),
            Err(_) => Ending::Failed(unreadable(json)),
        }
    }

    fn end(&mut self, ending: Ending, out: &mut Vec<CompletionEvent>) {
        self.body = Body::Over;
        let end = mem::take(&mut self.assembly).end(ending);
        out.push(CompletionEvent::Ended(Box::new(end)));
    }
}

impl Assembly {
    /// Takes the data of one event; how the answer ended, where it did.
    fn read_event(
        &mut self,
        data: &str,
        limits: SizeLimits,
        out: &mut Vec<CompletionEvent>,
    ) -> Option<Ending> {
        let json = data.trim();
        if json.is_empty() {
            return None;
        }
        if json == DONE {
            return Some(Ending::Said);
        }
        let read = match Chunk::parse(json) {
            Ok(chunk) => match leaf::text(chunk.kind).as_deref() {
                Some(kind) if kind.starts_with("response.") && chunk.error.is_none() => {
                    self.absorb_typed(kind, json, out)
                }
                _ => self.absorb(&chunk, Form::Streamed, out),
            },
            Err(_) => Err(error::unreadable("an event of the answer is not valid JSON", json)),
        };
        match read {
            Err(error) => Some(Ending::Failed(error)),
            Ok(()) if self.kept > limits.max_body_bytes => Some(Ending::Failed(oversized("the answer"))),
            Ok(()) => None,
        }
    }
}

/// The data of the event that ends a stream.
const DONE: &str = "[DONE]";

fn cut(broken: Option<CompletionError>) -> Ending {
    Ending::Broken(broken.unwrap_or_else(|| error::interrupted("")))
}

fn page_error(page: &[u8]) -> CompletionError {
    error::unreadable("the upstream answered with a web page", &String::from_utf8_lossy(page))
}

fn oversized(what: &str) -> CompletionError {
    let mut error =
        CompletionError::new(CompletionErrorKind::InvalidResponse, format!("{what} is larger than allowed"));
    // The same request would bring the same flood.
    error.retryable = false;
    error
}
