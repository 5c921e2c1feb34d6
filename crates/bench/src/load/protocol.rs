//! Commands to the load generator and their results: a line of JSON each, on its standard input and output.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::stats::Latency;

/// The measured server, and how its turns are requested.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) route: Route,
    /// API key; the reference proxies have none.
    pub(crate) key: Option<String>,
}

/// Route of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Route {
    /// `POST /sessions/{id}/messages`.
    Native,
    /// `POST /v1/chat/completions`, as OpenAI and the upstream have it.
    Completions,
}

/// A command.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Creates sessions for turns and forgets those that no turn has used. On the route of completions it does nothing.
    Sessions { count: u64, answer: Answer },
    /// Opens the connections of a number of clients.
    Connect { clients: usize },
    /// Runs turns with the connected clients, each of which starts its next turn when the last one has ended.
    Turns {
        turns: u64,
        answer: Answer,
        /// Turns of a session before a client takes the next one.
        per_session: u64,
    },
    /// Opens streams on connections of their own, of which a number at a time wait for their first chunk.
    Open { streams: u64, at_a_time: usize, answer: Answer },
    /// Waits until all open streams have ended, then closes their connections.
    Drain,
    /// Sends requests without a body one after the other, on a connection of its own.
    Requests { request: SimpleRequest, count: u64, pause_us: u64 },
}

/// A request whose response is read to its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum SimpleRequest {
    Get(String),
    /// Streams of turns that have run and ended, each from its start.
    ResumeEnded,
    /// Streams of the turns of open streams, from the start to the first chunk of text; the connection is then closed.
    ResumeRunning,
}

/// Result of a command.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) elapsed_us: u64,
    /// Turns or requests that ended as they should.
    pub(crate) completed: u64,
    /// Others, by status and code or by the way in which the stream broke off.
    pub(crate) failures: BTreeMap<String, u64>,
    /// Chunks of text that arrived.
    pub(crate) chunks: u64,
    /// Time from the request to the first chunk of text.
    pub(crate) first: Latency,
    /// Time from the request to the end of the response.
    pub(crate) whole: Latency,
    /// Time from the sending of a chunk to its arrival.
    pub(crate) lag: Latency,
}
