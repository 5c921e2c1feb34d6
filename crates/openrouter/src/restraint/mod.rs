//! UpstreamLimits towards the upstream: so many requests a minute, so many streams at once, and none for a while when it
//! keeps failing.
//!
//! It wraps any gateway and belongs to one credential. Requests wait in the order they came, for a bounded time;
//! then they end as [`CompletionErrorKind::Busy`] with the time after which another try makes sense.

mod breaker;
mod queue;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, CompletionEvent, CompletionRequest, GenerationRecord,
};
use causerie_domain::model::CatalogueModel;
use causerie_domain::ports::{CompletionGateway, CompletionStream};
use futures_util::{StreamExt, stream};

use self::breaker::{Breaker, Passage};
use self::queue::{Place, Queue};

/// How much is asked of the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpstreamLimits {
    /// Requests in a minute, spread evenly with bursts of up to a tenth; none for no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Answers that are written at the same time.
    pub max_concurrent_streams: NonZeroU32,
    /// How long a request waits for its place before it is told to come back.
    pub max_queue_wait: Duration,
    /// Failures in a row after which the upstream is left alone.
    pub breaker_failure_threshold: NonZeroU32,
    /// For how long it is left alone before one request probes it, and how long a probe may take before another one
    /// is sent beside it.
    pub breaker_open_duration: Duration,
}

impl Default for UpstreamLimits {
    fn default() -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        UpstreamLimits {
            requests_per_minute: None,
            max_concurrent_streams: number(512),
            max_queue_wait: Duration::from_secs(10),
            breaker_failure_threshold: number(20),
            breaker_open_duration: Duration::from_secs(2),
        }
    }
}

/// A gateway that restrains itself. Cheap to clone; clones share the limits.
#[derive(Debug, Clone)]
pub struct LimitedGateway {
    inner: Arc<dyn CompletionGateway>,
    queue: Arc<Queue>,
    breaker: Arc<Breaker>,
}

impl LimitedGateway {
    /// Restrains a gateway.
    pub fn new(inner: Arc<dyn CompletionGateway>, restraint: UpstreamLimits) -> Self {
        LimitedGateway {
            inner,
            queue: Arc::new(Queue::new(&restraint)),
            breaker: Arc::new(Breaker::new(
                restraint.breaker_failure_threshold,
                restraint.breaker_open_duration,
            )),
        }
    }

    async fn admit(&self) -> Result<(Place, Passage), CompletionError> {
        // Asked first, so that nobody queues for an upstream that is left alone, and again for those who had queued.
        self.breaker.check().map_err(left_alone)?;
        let place = self.queue.join().await.map_err(no_place)?;
        let passage = self.breaker.pass().map_err(left_alone)?;
        Ok((place, passage))
    }
}

#[async_trait]
impl CompletionGateway for LimitedGateway {
    fn complete(&self, request: CompletionRequest) -> CompletionStream {
        let this = self.clone();
        let admitted = async move {
            match this.admit().await {
                Ok((place, mut passage)) => {
                    let events = this.inner.complete(request);
                    // Place and passage go with the stream: dropped early, they are free again.
                    let watched = move |event: &CompletionEvent| {
                        let _held = &place;
                        match event {
                            // Known with the headers: nothing was generated yet.
                            CompletionEvent::Identified(_) => {}
                            CompletionEvent::Ended(end) => passage.report(&end.outcome),
                            _ => passage.answered(),
                        }
                    };
                    events.inspect(watched).boxed()
                }
                Err(error) => stream::iter([ended(error)]).boxed(),
            }
        };
        stream::once(admitted).flatten().boxed()
    }

    async fn generation(&self, generation_id: &str) -> Result<Option<GenerationRecord>, CompletionError> {
        self.inner.generation(generation_id).await
    }

    async fn models(&self) -> Result<Vec<CatalogueModel>, CompletionError> {
        self.inner.models().await
    }
}

fn ended(error: CompletionError) -> CompletionEvent {
    CompletionEvent::Ended(Box::new(CompletionEnd {
        outcome: Err(error),
        usage: None,
        reasoning_details: None,
        tool_calls: Vec::new(),
        annotations: Vec::new(),
    }))
}

fn no_place(wait: Duration) -> CompletionError {
    busy("too many requests are under way to the upstream", wait)
}

fn left_alone(wait: Duration) -> CompletionError {
    busy("the upstream keeps failing and is left alone for a moment", wait)
}

fn busy(message: &str, wait: Duration) -> CompletionError {
    CompletionError { retry_after: Some(wait), ..CompletionError::new(CompletionErrorKind::Busy, message) }
}

#[cfg(test)]
mod tests;
