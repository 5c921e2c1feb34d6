//! One upstream request of a turn: its events go to the log, its news to the ledger's open row.

use std::borrow::Cow;
use std::time::Duration;

use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, CompletionEvent, GenerationInfo,
};
use causerie_domain::messages::PartKind;
use causerie_domain::ports::CompletionStream;
use causerie_domain::usage::{OpenUsage, UsageProgress};
use causerie_usage::CharsPerToken;
use futures_util::StreamExt;
use tokio::time::Instant;

use super::running::{RunningTurn, Stop};
use crate::core::clock::monotonic;
use crate::runtime::RuntimeInner;

/// An upstream request under way.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// Its ledger row, open.
    pub(crate) usage: OpenUsage,
    /// What was learnt of it so far.
    pub(crate) progress: UsageProgress,
    /// How many characters make a token of the model.
    pub(crate) ratio: CharsPerToken,
    begun_at: Instant,
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum AttemptEnd {
    /// The upstream ended it.
    Ended(Box<CompletionEnd>),
    /// We closed the connection.
    Stopped(Stop),
}

impl Attempt {
    pub(crate) fn new(usage: OpenUsage, ratio: CharsPerToken) -> Self {
        let estimated_input_tokens = Some(usage.estimated_input_tokens);
        let progress = UsageProgress { estimated_input_tokens, ..UsageProgress::default() };
        Attempt { usage, progress, ratio, begun_at: monotonic() }
    }

    /// From the request until now.
    pub(crate) fn duration(&self) -> Duration {
        self.begun_at.elapsed()
    }

    /// Follows the stream to its end, or until the turn shall stop; then the connection is closed by the drop.
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
                Some(CompletionEvent::Identified(identity)) => self.identify(identity, turn, inner),
                Some(CompletionEvent::Reasoning(text)) => {
                    self.append(PartKind::Reasoning, &text, turn, inner)
                }
                // A refusal is what the model has to say: the reader sees it as the answer.
                Some(CompletionEvent::Text(text) | CompletionEvent::Refusal(text)) => {
                    self.append(PartKind::Text, &text, turn, inner);
                }
                Some(CompletionEvent::Ended(end)) => return AttemptEnd::Ended(end),
                None => return AttemptEnd::Ended(Box::new(no_end())),
            }
        }
    }

    fn identify(&mut self, identity: GenerationInfo, turn: &RunningTurn, inner: &RuntimeInner) {
        let progress = &mut self.progress;
        let learn = |known: &mut Option<String>, news: Option<String>| {
            *known = news.map(|news| storable(&news).into_owned()).or(known.take());
        };
        learn(&mut progress.generation_id, identity.generation_id);
        learn(&mut progress.model_served, identity.model);
        learn(&mut progress.provider, identity.provider);
        let served = progress.model_served.as_deref();
        let instead = served.and_then(|served| inner.catalog.served_instead(&self.usage.model, served));
        progress.prices = instead.map(|model| model.catalog.pricing.clone());
        turn.note_progress(self.usage.id, self.progress.clone());
        inner.flusher.note(0);
    }

    fn append(&mut self, kind: PartKind, text: &str, turn: &RunningTurn, inner: &RuntimeInner) {
        let text = storable(text);
        if text.is_empty() {
            return;
        }
        if self.progress.time_to_first_token.is_none() {
            self.progress.time_to_first_token = Some(self.duration());
            turn.note_progress(self.usage.id, self.progress.clone());
        }
        turn.log.append(kind, &text);
        inner.flusher.note(text.len());
    }
}

/// PostgreSQL text cannot hold U+0000: the replacement character stands in before anything is counted.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

/// The end of a stream that broke the gateway's promise of one.
fn no_end() -> CompletionEnd {
    let error = CompletionError::new(CompletionErrorKind::InvalidResponse, "the gateway's stream had no end");
    CompletionEnd {
        outcome: Err(error),
        usage: None,
        reasoning_details: None,
        tool_calls: Vec::new(),
        annotations: Vec::new(),
    }
}
