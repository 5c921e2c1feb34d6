//! Answers of completions: whole, or streamed as server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use bytes::{BufMut as _, Bytes, BytesMut};
use causerie_domain::turns::TurnFailure;
use causerie_runtime::{AnswerEnd, AnswerEvent, AnswerOutcome, CompletionReader};
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::ErrorEnvelope;
use crate::auth::OpenReader;
use crate::connections::ConnectionClock;
use crate::error::{Code, Problem, RETRY_SOON};
use crate::refusal::ReaderRefusal;

const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";
const DONE: &[u8] = b"data: [DONE]\n\n";

/// Returns the problem of an answer that did not complete.
pub(crate) fn failure(outcome: AnswerOutcome) -> Problem {
    match outcome {
        AnswerOutcome::Completed => Problem::internal("a complete answer is no failure"),
        AnswerOutcome::Interrupted => {
            Problem::new(Code::TurnInterrupted, "a stop of the server interrupted the answer")
        }
        AnswerOutcome::NotStored => {
            Problem::new(Code::StoreUnavailable, "the answer could not be stored").retry_after(RETRY_SOON)
        }
        AnswerOutcome::Failed(failure) => of_failure(failure),
    }
}

fn of_failure(failure: TurnFailure) -> Problem {
    let problem = Problem::new(failure.code.into(), failure.detail);
    let problem = if failure.retryable { problem } else { problem.that_is_final() };
    match failure.retry_after {
        Some(wait) => problem.retry_after(wait),
        None => problem,
    }
}

/// A whole answer. It keeps its reader until the client has received it.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    /// `None` after it was sent.
    json: Option<Bytes>,
    delivery: Delivery,
}

impl AnswerBody {
    pub(crate) fn new(json: String, delivery: Delivery) -> Self {
        AnswerBody { json: Some(json.into()), delivery }
    }
}

impl MessageBody for AnswerBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.json.as_ref().map_or(0, |json| json.len() as u64))
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let json = self.json.take();
        if json.is_some() {
            self.delivery.start();
        }
        Poll::Ready(json.map(Ok))
    }
}

/// Reader of an answer, which is passed to the connection with the last bytes. A body that is dropped earlier is not
/// delivered: its reader goes, and a retry can attach.
#[derive(Debug)]
pub(crate) struct Delivery {
    reader: Option<CompletionReader>,
    connection: Option<Rc<ConnectionClock>>,
}

impl Delivery {
    /// Creates the delivery of an answer on a connection.
    pub(crate) fn new(connection: Option<Rc<ConnectionClock>>) -> Self {
        Delivery { reader: None, connection }
    }

    /// Sets the reader of the answer.
    pub(crate) fn of(self, reader: CompletionReader) -> Self {
        Delivery { reader: Some(reader), ..self }
    }

    fn start(&mut self) {
        if let Some((connection, reader)) = self.connection.as_ref().zip(self.reader.take()) {
            connection.start_delivery(reader);
        }
    }
}

/// Format of a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamFormat {
    /// Whether the stream ends with a chunk that has the usage.
    pub(crate) includes_usage: bool,
    /// Interval of the comments that a silent stream has.
    pub(crate) keep_alive: Duration,
}

/// Server-sent events of an answer in OpenAI's format.
pub(crate) struct AnswerStream {
    state: State,
    /// Refusal of the reader, when its principal loses the right to the answer.
    refused: LocalBoxFuture<'static, ReaderRefusal>,
    format: StreamFormat,
    /// Last chunk, whose id and model the chunk with the usage repeats.
    last: Option<Arc<str>>,
    delivery: Delivery,
}

enum State {
    /// An event that has arrived.
    Ready(AnswerEvent, CompletionReader),
    Waiting(LocalBoxFuture<'static, (Option<AnswerEvent>, CompletionReader)>),
    Ended,
}

impl std::fmt::Debug for AnswerStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerStream").finish_non_exhaustive()
    }
}

impl AnswerStream {
    /// Creates the stream of an answer whose first event has arrived, or is still awaited.
    pub(crate) fn new(
        first: Option<AnswerEvent>,
        reader: CompletionReader,
        mut open: OpenReader,
        format: StreamFormat,
        delivery: Delivery,
    ) -> Self {
        let state = match first {
            Some(event) => State::Ready(event, reader),
            None => State::Waiting(wait(reader, format.keep_alive)),
        };
        let refused = Box::pin(async move { open.refused().await });
        AnswerStream { state, refused, format, last: None, delivery }
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if !matches!(self.state, State::Ended)
            && let Poll::Ready(refusal) = self.refused.as_mut().poll(cx)
        {
            self.state = State::Ended;
            return Poll::Ready(Some(event(&ErrorEnvelope::of(&refusal.into()).to_json()).freeze()));
        }
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Ready(AnswerEvent::Chunks(chunks), reader) => {
                    self.last = chunks.last().cloned().or(self.last.take());
                    self.state = State::Waiting(wait(reader, self.format.keep_alive));
                    return Poll::Ready(Some(events(&chunks)));
                }
                State::Ready(AnswerEvent::Ended(end), reader) => {
                    self.delivery.reader = Some(reader);
                    self.delivery.start();
                    return Poll::Ready(Some(self.end(end)));
                }
                State::Waiting(mut next) => match next.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.state = State::Waiting(next);
                        return Poll::Pending;
                    }
                    Poll::Ready((Some(event), reader)) => self.state = State::Ready(event, reader),
                    Poll::Ready((None, reader)) => {
                        self.state = State::Waiting(wait(reader, self.format.keep_alive));
                        return Poll::Ready(Some(Bytes::from_static(KEEP_ALIVE)));
                    }
                },
            }
        }
    }

    /// Returns the last events. A failure is an error event without the end marker, so that clients raise it.
    fn end(&self, end: AnswerEnd) -> Bytes {
        match end.outcome {
            AnswerOutcome::Completed => {
                let usage = end.usage.filter(|_| self.format.includes_usage);
                let chunk = usage.map(|usage| usage_chunk(self.last.as_deref(), &usage));
                let mut bytes = chunk.map_or_else(BytesMut::new, |chunk| event(&chunk));
                bytes.extend_from_slice(DONE);
                bytes.freeze()
            }
            outcome => event(&ErrorEnvelope::of(&failure(outcome)).to_json()).freeze(),
        }
    }
}

impl MessageBody for AnswerStream {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(ready!(self.poll_bytes(cx)).map(Ok))
    }
}

fn wait(
    mut reader: CompletionReader,
    keep_alive: Duration,
) -> LocalBoxFuture<'static, (Option<AnswerEvent>, CompletionReader)> {
    Box::pin(async move {
        let event = tokio::time::timeout(keep_alive, reader.next()).await.ok();
        (event, reader)
    })
}

fn events(chunks: &[Arc<str>]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(chunks.iter().map(|chunk| chunk.len() + 8).sum());
    for chunk in chunks {
        put_event(&mut bytes, chunk);
    }
    bytes.freeze()
}

fn event(json: &str) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(json.len() + 8);
    put_event(&mut bytes, json);
    bytes
}

fn put_event(bytes: &mut BytesMut, json: &str) {
    bytes.put_slice(b"data: ");
    bytes.put_slice(json.as_bytes());
    bytes.put_slice(b"\n\n");
}

/// Members of a chunk that the chunk with the usage repeats.
#[derive(Debug, Default, Deserialize)]
struct Identity<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    provider: Option<&'a RawValue>,
}

/// Returns the chunk with the usage, which has no choices.
fn usage_chunk(last: Option<&str>, usage: &str) -> String {
    let identity: Identity<'_> = last.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let mut chunk = "{\"object\":\"chat.completion.chunk\"".to_owned();
    let members = [
        ("id", identity.id),
        ("created", identity.created),
        ("model", identity.model),
        ("provider", identity.provider),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            chunk.push_str(&format!(",\"{name}\":{}", value.get()));
        }
    }
    chunk.push_str(&format!(",\"choices\":[],\"usage\":{usage}}}"));
    chunk
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_chunk_with_the_usage_has_the_identity_of_the_answer() {
        let last = r#"{"id":"gen-1","created":7,"model":"a/b","provider":"P","choices":[{}]}"#;
        let chunk: Value = serde_json::from_str(&usage_chunk(Some(last), r#"{"cost":0}"#)).unwrap();
        let expected = json!({"id": "gen-1", "object": "chat.completion.chunk", "created": 7, "model": "a/b",
            "provider": "P", "choices": [], "usage": {"cost": 0}});
        assert_eq!(chunk, expected);
        assert!(serde_json::from_str::<Value>(&usage_chunk(None, "{}")).is_ok());
    }
}
