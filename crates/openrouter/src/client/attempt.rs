//! One attempt at a completion: sends the request, reads the response and yields events until the end.

use std::collections::VecDeque;
use std::mem;

use causerie_domain::completion::{CompletionError, CompletionEvent, CompletionRequest, RelayRequest};
use tokio::time::{Instant, timeout_at};

use super::OpenRouter;
use super::exchange::Response;
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
    Sending(Outgoing),
    Reading(Box<Response>),
    Ended,
}

impl Attempt {
    pub(super) fn new(client: OpenRouter, request: Outgoing) -> Self {
        let limits = client.size_limits();
        let decoder = match &request {
            Outgoing::Composed(_) => StreamDecoder::new(limits),
            Outgoing::Relayed(_) => StreamDecoder::relaying(limits),
        };
        Attempt { client, phase: Phase::Sending(request), decoder, ready: VecDeque::new(), end_at: None }
    }

    /// Returns the next event; `None` after the final one.
    pub(super) async fn next(&mut self) -> Option<CompletionEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(self.client.redact_key_in_event(event));
            }
            // The response is put back only while the stream goes on: the connection is closed before the final
            // event is yielded.
            let step = match mem::replace(&mut self.phase, Phase::Ended) {
                Phase::Sending(request) => self.send(request).await,
                Phase::Reading(response) => self.read(response).await,
                Phase::Ended => return None,
            };
            match step {
                Ok(response) if !self.decoder.is_ended() => self.phase = Phase::Reading(response),
                Ok(_) => {}
                Err(error) => self.ready.extend(self.decoder.finish(Some(error))),
            }
        }
    }

    async fn send(&mut self, request: Outgoing) -> Result<Box<Response>, CompletionError> {
        let response = self.client.post_completion(request).await?;
        // Taken from the headers, so that the cost can be looked up even if no event follows.
        if let Some(id) = error::generation_id(&response.headers) {
            self.ready.extend(self.decoder.set_generation_id(id));
        }
        response.error_for_status().await.map(Box::new)
    }

    async fn read(&mut self, mut response: Box<Response>) -> Result<Box<Response>, CompletionError> {
        let read = match self.end_at {
            None => response.body.read().await?,
            Some(end_at) => match timeout_at(end_at, response.body.read()).await {
                Ok(read) => read?,
                Err(_) => {
                    self.ready.extend(self.decoder.finish_if_answered());
                    self.end_at = None;
                    self.set_end(&response);
                    return Ok(response);
                }
            },
        };
        match read {
            Some(bytes) => {
                let before = self.decoder.progress();
                self.ready.extend(self.decoder.push(&bytes));
                if self.decoder.progress() != before {
                    response.body.timeouts.record_progress();
                }
                self.set_end(&response);
            }
            None => self.ready.extend(self.decoder.finish(None)),
        }
        Ok(response)
    }

    /// Sets the instant at which the response ends, once its answer seems complete.
    fn set_end(&mut self, response: &Response) {
        if !self.decoder.is_answered() {
            self.end_at = None;
        } else if self.end_at.is_none() {
            self.end_at = monotonic().checked_add(response.body.timeouts.end());
        }
    }
}
