//! One upstream request of a turn: text goes to the turn log, progress to the open row of the ledger.

use std::borrow::Cow;
use std::time::Duration;

use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, CompletionEvent, GenerationInfo,
};
use causerie_domain::messages::PartKind;
use causerie_domain::ports::CompletionStream;
use causerie_domain::turn_requests::TurnRequest;
use causerie_domain::usage::{OpenUsage, UsageProgress};
use causerie_usage::CharsPerToken;
use futures_util::StreamExt;
use tokio::time::Instant;

use super::running::{RunningTurn, Stop};
use crate::core::clock::monotonic;
use crate::runtime::RuntimeInner;

/// Upstream request in progress.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// Open row of the ledger.
    pub(crate) usage: OpenUsage,
    pub(crate) progress: UsageProgress,
    pub(crate) ratio: CharsPerToken,
    /// Request of the attempt, to be recorded when it is sent.
    request: Option<TurnRequest>,
    started_at: Instant,
}

/// End of an attempt.
#[derive(Debug)]
pub(crate) enum AttemptEnd {
    /// The stream of the upstream ended.
    Ended(Box<CompletionEnd>),
    /// The runtime closed the connection.
    Stopped(Stop),
}

impl Attempt {
    pub(crate) fn new(usage: OpenUsage, ratio: CharsPerToken) -> Self {
        let estimated_input_tokens = Some(usage.estimated_input_tokens);
        let progress = UsageProgress { estimated_input_tokens, ..UsageProgress::default() };
        Attempt { usage, progress, ratio, request: None, started_at: monotonic() }
    }

    /// Sets the request of the attempt. It is recorded with the hash of its body when it is sent.
    pub(crate) fn set_request(&mut self, request: TurnRequest) {
        self.request = Some(request);
    }

    /// Returns the time since the request was sent.
    pub(crate) fn duration(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// Reads the stream until it ends or the turn is stopped. Dropping the stream closes the connection.
    pub(crate) async fn follow(
        &mut self,
        stream: CompletionStream,
        turn: &RunningTurn,
        inner: &RuntimeInner,
    ) -> AttemptEnd {
        let mut stream = stream;
        loop {
            let event = tokio::select! {
                biased;
                reason = turn.stopped() => return AttemptEnd::Stopped(reason),
                event = stream.next() => event,
            };
            match event {
                Some(CompletionEvent::Prepared { sha256 }) => {
                    if let Some(request) = self.request.take() {
                        turn.add_request(TurnRequest { sha256, ..request });
                        inner.flusher.notify(0);
                    }
                }
                Some(CompletionEvent::Identified(info)) => self.identify(info, turn, inner),
                Some(CompletionEvent::Reasoning(text)) => {
                    self.append(PartKind::Reasoning, &text, turn, inner)
                }
                // A refusal is the answer of the model, so readers receive it as text.
                Some(CompletionEvent::Text(text) | CompletionEvent::Refusal(text)) => {
                    self.append(PartKind::Text, &text, turn, inner);
                }
                Some(CompletionEvent::Image(url)) => self.append(PartKind::File, &url, turn, inner),
                // Events of relayed answers only.
                Some(CompletionEvent::Chunk(_) | CompletionEvent::Usage(_)) => {}
                Some(CompletionEvent::Ended(end)) => return AttemptEnd::Ended(without_function_calls(end)),
                None => return AttemptEnd::Ended(Box::new(missing_end())),
            }
        }
    }

    fn identify(&mut self, info: GenerationInfo, turn: &RunningTurn, inner: &RuntimeInner) {
        let progress = &mut self.progress;
        let update = |field: &mut Option<String>, value: Option<String>| {
            *field = value.map(|value| storable(&value).into_owned()).or(field.take());
        };
        update(&mut progress.generation_id, info.generation_id);
        update(&mut progress.model_served, info.model);
        update(&mut progress.provider, info.provider);
        let served = progress.model_served.as_deref();
        let substitute = served.and_then(|served| inner.catalog.substitute(&self.usage.model, served));
        progress.prices = substitute.map(|model| model.catalog.pricing.clone());
        turn.set_progress(self.usage.id, self.progress.clone());
        inner.flusher.notify(0);
    }

    fn append(&mut self, kind: PartKind, text: &str, turn: &RunningTurn, inner: &RuntimeInner) {
        let text = storable(text);
        if text.is_empty() {
            return;
        }
        if self.progress.time_to_first_token.is_none() {
            self.progress.time_to_first_token = Some(self.duration());
            turn.set_progress(self.usage.id, self.progress.clone());
        }
        turn.log.append(kind, &text);
        inner.flusher.notify(text.len());
    }
}

/// Replaces U+0000, which PostgreSQL text cannot contain, with U+FFFD. Positions count the replaced text.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

/// Returns the end of an attempt: a call of a function is invalid, because a turn offers none. The text before the call
/// was streamed and is kept.
fn without_function_calls(mut end: Box<CompletionEnd>) -> Box<CompletionEnd> {
    if end.outcome.is_ok() && !end.tool_calls.is_empty() {
        end.outcome = Err(CompletionError {
            // The upstream has generated the call, and a repetition would cost it again.
            retryable: false,
            ..CompletionError::new(
                CompletionErrorKind::InvalidResponse,
                "the model called a function that the request did not offer",
            )
        });
    }
    end
}

/// Returns the end of a stream that violated the contract of the gateway by ending without one.
fn missing_end() -> CompletionEnd {
    let error =
        CompletionError::new(CompletionErrorKind::InvalidResponse, "the stream of the gateway had no end");
    CompletionEnd::failed(error)
}
