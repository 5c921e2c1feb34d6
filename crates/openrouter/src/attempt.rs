//! One attempt at a completion: asks, reads, and gives out events until the end.

use std::collections::VecDeque;
use std::mem;

use causerie_domain::completion::{CompletionError, CompletionEvent, CompletionRequest};

use crate::OpenRouter;
use crate::error;
use crate::exchange::Answer;
use crate::stream::StreamDecoder;

/// An attempt under way. Dropping it drops the connection.
pub(crate) struct Attempt {
    client: OpenRouter,
    phase: Phase,
    decoder: StreamDecoder,
    /// Decoded and not yet given out.
    ready: VecDeque<CompletionEvent>,
}

enum Phase {
    Asking(Box<CompletionRequest>),
    Reading(Box<Answer>),
    Over,
}

impl Attempt {
    pub(crate) fn new(client: OpenRouter, request: CompletionRequest) -> Self {
        let decoder = StreamDecoder::new(client.size_limits());
        Attempt { client, phase: Phase::Asking(Box::new(request)), decoder, ready: VecDeque::new() }
    }

    /// The next event; `None` after the end.
    pub(crate) async fn next(&mut self) -> Option<CompletionEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(self.client.event_without_key(event));
            }
            // Whatever is not put back is over, and its connection with it, before the end is given out.
            let step = match mem::replace(&mut self.phase, Phase::Over) {
                Phase::Asking(request) => self.ask(&request).await,
                Phase::Reading(answer) => self.read(answer).await,
                Phase::Over => return None,
            };
            match step {
                Ok(answer) if !self.decoder.is_ended() => self.phase = Phase::Reading(answer),
                Ok(_) => {}
                Err(error) => self.ready.extend(self.decoder.finish(Some(error))),
            }
        }
    }

    async fn ask(&mut self, request: &CompletionRequest) -> Result<Box<Answer>, CompletionError> {
        let answer = self.client.open(request).await?;
        // Known before the first event, so that the cost can be looked up even if none ever comes.
        if let Some(id) = error::generation_id(&answer.headers) {
            self.ready.extend(self.decoder.set_generation_id(id));
        }
        answer.accepted().await.map(Box::new)
    }

    async fn read(&mut self, mut answer: Box<Answer>) -> Result<Box<Answer>, CompletionError> {
        match answer.body.read().await? {
            Some(bytes) => {
                let before = self.decoder.progress();
                self.ready.extend(self.decoder.push(&bytes));
                if self.decoder.progress() != before {
                    answer.body.watch.progress();
                }
            }
            None => self.ready.extend(self.decoder.finish(None)),
        }
        Ok(answer)
    }
}
