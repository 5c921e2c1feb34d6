//! Scripts: complete responses, planned before the first byte is sent.

pub(crate) mod bill;
pub(crate) mod framing;
mod plan;
pub(crate) mod reply;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

pub(crate) use self::plan::GenerationPlan;

use self::framing::Frame;
use self::reply::Delta;
use crate::wire;
use crate::wire::chunk::ChunkBody;

/// Planned response to one request.
#[derive(Debug)]
pub(crate) struct Script {
    /// Pauses before the response head.
    pub(crate) before: Vec<Pause>,
    pub(crate) head: Head,
    pub(crate) events: VecDeque<Event>,
    pub(crate) frame: Frame,
    /// Generation record of the answer, if a model runs.
    pub(crate) plan: Option<GenerationPlan>,
}

/// Start of a response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head {
    Answer {
        status: u16,
        content_type: &'static str,
        headers: Vec<(&'static str, String)>,
    },
    /// No head: the connection stays open and silent.
    Never,
    /// The connection is closed without a response.
    Drop,
}

/// Event in a body.
#[derive(Debug)]
pub(crate) enum Event {
    /// Piece of the answer.
    Delta(Delta),
    /// Any other event of the stream; boxed because most events are deltas.
    Chunk(Box<ChunkBody>, ChunkKind),
    /// `: OPENROUTER PROCESSING`
    Comment,
    /// Bytes that are sent unchanged.
    Raw(Bytes),
    /// JSON text of an answer that is not streamed, or of an error.
    Body(Bytes),
    /// `data: [DONE]`
    Done,
    Pause(Pause),
    /// Comments at this interval, without end.
    KeepAlive(Duration),
    /// Whitespace heartbeats at this interval, without end.
    Heartbeat(Duration),
    /// No further bytes; the connection stays open.
    Silence,
    /// The connection is closed in the middle of the body.
    Cut,
}

/// Kind of an event that is not a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChunkKind {
    Finish,
    Usage,
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    Wait(Duration),
    Gate(String),
}

/// Position in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// After this number of deltas, or after the last one if there are fewer.
    Deltas(usize),
    /// After the event with the finish reason.
    Finish,
    /// After the event with the usage.
    Usage,
}

/// Whitespace that the upstream sends to keep a connection alive before a JSON body.
pub(crate) const HEARTBEAT: &[u8] = b"\n         \n";

impl Script {
    /// Creates a JSON response.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", wire::json(body).into())
    }

    /// Creates a response with exactly this body.
    pub(crate) fn body(status: u16, content_type: &'static str, body: Bytes) -> Self {
        Self::new(
            Head::Answer { status, content_type, headers: Vec::new() },
            VecDeque::from([Event::Body(body)]),
        )
    }

    pub(crate) fn new(head: Head, events: VecDeque<Event>) -> Self {
        Self { before: Vec::new(), head, events, frame: Frame::default(), plan: None }
    }

    /// Adds a response header.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Head::Answer { headers, .. } = &mut self.head {
            headers.push((name, value.into()));
        }
        self
    }

    /// Returns whether the request is refused before a model runs, so that a fallback model is tried.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.head, Head::Answer { status, .. } if status >= 400)
    }

    /// Replaces the events after a position.
    pub(crate) fn replace_after(&mut self, position: Position, events: impl IntoIterator<Item = Event>) {
        self.events.truncate(self.position(position));
        self.events.extend(events);
    }

    /// Inserts events at a position.
    pub(crate) fn insert_at(&mut self, position: Position, added: impl IntoIterator<Item = Event>) {
        let rest = self.events.split_off(self.position(position));
        self.events.extend(added);
        self.events.extend(rest);
    }

    /// Returns the index of the first event after a position. In a JSON body, each position is before its text.
    fn position(&self, position: Position) -> usize {
        let after = |index: usize| index + 1;
        let found = match position {
            Position::Deltas(0) => self.events.iter().position(Event::is_delta_or_its_pause),
            Position::Deltas(count) => {
                let deltas = self.events.iter().enumerate().filter(|(_, event)| event.is_delta());
                deltas.take(count).last().map(|(index, _)| after(index))
            }
            Position::Finish => self.find_chunk(ChunkKind::Finish).map(after),
            Position::Usage => self.find_chunk(ChunkKind::Usage).map(after),
        };
        let end = || self.events.iter().position(Event::ends_the_deltas).unwrap_or(self.events.len());
        found.unwrap_or_else(end)
    }

    fn find_chunk(&self, wanted: ChunkKind) -> Option<usize> {
        self.events.iter().position(|event| matches!(event, Event::Chunk(_, kind) if *kind == wanted))
    }
}

impl Event {
    /// Creates an event of the stream with an error.
    pub(crate) fn error(chunk: ChunkBody) -> Self {
        Self::Chunk(Box::new(chunk), ChunkKind::Error)
    }

    fn is_delta(&self) -> bool {
        matches!(self, Self::Delta(_))
    }

    fn is_delta_or_its_pause(&self) -> bool {
        matches!(self, Self::Delta(_) | Self::Pause(_))
    }

    fn ends_the_deltas(&self) -> bool {
        matches!(self, Self::Chunk(..) | Self::Body(_) | Self::Done)
    }
}
