//! One attempt at a completion: sends the request, reads the response and yields events until the end.

use std::collections::VecDeque;
use std::mem;

use bytes::Bytes;
use causerie_domain::completion::{CompletionError, CompletionEvent, CompletionRequest, RelayRequest};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, timeout_at};

use super::exchange::ResponseBody;
use super::{OpenRouter, body_of};
use crate::clock::monotonic;
use crate::error;
use crate::stream::StreamDecoder;

/// An attempt in progress. Dropping it closes the connection.
pub(super) struct Attempt {
    client: OpenRouter,
    phase: Phase,
    decoder: StreamDecoder,
    /// Events that are decoded and not yet yielded.
    ready: VecDeque<CompletionEvent>,
    /// Instant at which a response ends that seems complete; `None` while it does not.
    end_at: Option<Instant>,
}

/// A request that is to be sent.
pub(super) enum Outgoing {
    Composed(Box<CompletionRequest>),
    Relayed(RelayRequest),
}

enum Phase {
    Preparing(Outgoing),
    Sending(Bytes),
    Reading(Box<ResponseBody>),
    Ended,
}

impl Attempt {
    pub(super) fn new(client: OpenRouter, request: Outgoing) -> Self {
        let limits = client.size_limits();
        let decoder = match &request {
            Outgoing::Composed(_) => StreamDecoder::new(limits),
            Outgoing::Relayed(_) => StreamDecoder::relaying(limits),
        };
        Attempt { client, phase: Phase::Preparing(request), decoder, ready: VecDeque::new(), end_at: None }
    }

    /// Returns the next event; `None` after the final one.
    pub(super) async fn next(&mut self) -> Option<CompletionEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(self.client.redact_key_in_event(event));
            }
            // The body is put back only while the stream goes on: the connection is closed before the final
            // event is yielded.
            let step = match mem::replace(&mut self.phase, Phase::Ended) {
                Phase::Preparing(request) => match self.prepare(request) {
                    Ok(body) => {
                        self.phase = Phase::Sending(body);
                        continue;
                    }
                    Err(error) => Err(error),
                },
                Phase::Sending(body) => self.send(body).await,
                Phase::Reading(body) => self.read(body).await,
                Phase::Ended => return None,
            };
            match step {
                Ok(body) if !self.decoder.is_ended() => self.phase = Phase::Reading(body),
                Ok(_) => {}
                Err(error) => self.ready.extend(self.decoder.finish(Some(error))),
            }
        }
    }

    /// Encodes the request. A relayed one belongs to no turn, so its hash is not needed.
    fn prepare(&mut self, request: Outgoing) -> Result<Bytes, CompletionError> {
        let is_composed = matches!(request, Outgoing::Composed(_));
        let body = body_of(request)?;
        if is_composed {
            let sha256 = Sha256::digest(&body).into();
            self.ready.push_back(CompletionEvent::Prepared { sha256 });
        }
        Ok(body)
    }

    async fn send(&mut self, body: Bytes) -> Result<Box<ResponseBody>, CompletionError> {
        let response = self.client.post_completion(body).await?;
        // Taken from the headers, so that the cost can be looked up even if no event follows.
        if let Some(id) = error::generation_id(&response.headers) {
            self.ready.extend(self.decoder.set_generation_id(id));
        }
        response.into_body().await.map(Box::new)
    }

    async fn read(&mut self, mut body: Box<ResponseBody>) -> Result<Box<ResponseBody>, CompletionError> {
        let read = match self.end_at {
            None => body.read().await?,
            Some(end_at) => match timeout_at(end_at, body.read()).await {
                Ok(read) => read?,
                Err(_) => {
                    self.ready.extend(self.decoder.finish_if_answered());
                    self.end_at = None;
                    self.set_end(&body);
                    return Ok(body);
                }
            },
        };
        match read {
            Some(bytes) => {
                let before = self.decoder.progress();
                self.ready.extend(self.decoder.push(&bytes));
                if self.decoder.progress() != before {
                    body.timeouts.record_progress();
                }
                self.set_end(&body);
            }
            None => self.ready.extend(self.decoder.finish(None)),
        }
        Ok(body)
    }

    /// Sets the instant at which the response ends, once its answer seems complete.
    fn set_end(&mut self, body: &ResponseBody) {
        if !self.decoder.is_answered() {
            self.end_at = None;
        } else if self.end_at.is_none() {
            self.end_at = monotonic().checked_add(body.timeouts.end());
        }
    }
}
