//! Limits on the requests to the upstream: rate, concurrency and a circuit breaker.
//!
//! [`LimitedGateway`] wraps any gateway; all requests with one credential share one. Requests wait for a bounded time, and
//! waiting users are served in turn. A rejected request ends with [`CompletionErrorKind::Busy`] and the time to wait before a retry.

mod breaker;
mod queue;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use causerie_domain::Requester;
use causerie_domain::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, CompletionEvent, CompletionRequest,
    GenerationRecord, RelayRequest,
};
use causerie_domain::models::CatalogListing;
use causerie_domain::ports::{CompletionGateway, CompletionStream};
use causerie_fair_share::FairPermit;
use futures_util::{StreamExt, stream};

use self::breaker::{BreakerPermit, Breakers};
use self::queue::Queue;

/// Limits on the requests with one credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpstreamLimits {
    /// Maximum number of requests per minute, spread evenly with bursts of up to a tenth; `None` means no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Maximum number of streams at the same time. The last quarter of them, at least one, is for users without one.
    pub max_concurrent_streams: NonZeroU32,
    /// Maximum time that a request waits in the queue before it ends as busy.
    pub max_queue_wait: Duration,
    /// Number of consecutive failures that opens a circuit breaker. One user counts for at most half of them, except in
    /// the breaker that rejects only this user.
    pub breaker_failure_threshold: NonZeroU32,
    /// Time that a breaker stays open before one request probes the upstream, and after which another probe is
    /// sent if the first has no result yet.
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

/// A gateway with [`UpstreamLimits`]. Clones are cheap and share the limits.
#[derive(Debug, Clone)]
pub struct LimitedGateway {
    inner: Arc<dyn CompletionGateway>,
    queue: Arc<Queue>,
    breakers: Arc<Breakers>,
}

impl LimitedGateway {
    /// Wraps a gateway.
    pub fn new(inner: Arc<dyn CompletionGateway>, limits: UpstreamLimits) -> Self {
        LimitedGateway {
            inner,
            queue: Arc::new(Queue::new(&limits)),
            breakers: Arc::new(Breakers::new(limits.breaker_failure_threshold, limits.breaker_open_duration)),
        }
    }

    async fn admit(
        &self,
        model: &str,
        requester: Requester,
    ) -> Result<(FairPermit, BreakerPermit), CompletionError> {
        let user = requester.user_id;
        // Checked before the queue, so that no request waits while a breaker is open, and again after it.
        self.breakers.check(model, user).map_err(circuit_open)?;
        let queue_permit = self.queue.acquire(requester).await.map_err(queue_timeout)?;
        let breaker_permit = self.breakers.acquire(model, user).map_err(circuit_open)?;
        Ok((queue_permit, breaker_permit))
    }

    /// Returns the events of a request that is sent once it is admitted.
    fn limited(
        &self,
        model: String,
        requester: Requester,
        send: impl FnOnce(&dyn CompletionGateway) -> CompletionStream + Send + 'static,
    ) -> CompletionStream {
        let this = self.clone();
        let admitted = async move {
            match this.admit(&model, requester).await {
                Ok((queue_permit, mut breaker_permit)) => {
                    let events = send(this.inner.as_ref());
                    // Both permits live as long as the stream: dropping it early releases them.
                    let observe = move |event: &CompletionEvent| {
                        let _held = &queue_permit;
                        match event {
                            // Come before anything is generated.
                            CompletionEvent::Prepared { .. } | CompletionEvent::Identified(_) => {}
                            CompletionEvent::Chunk(chunk) if !chunk.has_content => {}
                            CompletionEvent::Ended(end) => breaker_permit.report(&end.outcome),
                            _ => breaker_permit.record_answer(),
                        }
                    };
                    events.inspect(observe).boxed()
                }
                Err(error) => stream::iter([ended(error)]).boxed(),
            }
        };
        stream::once(admitted).flatten().boxed()
    }
}

#[async_trait]
impl CompletionGateway for LimitedGateway {
    fn complete(&self, request: CompletionRequest) -> CompletionStream {
        let (model, requester) = (request.model.clone(), request.requester);
        self.limited(model, requester, |gateway| gateway.complete(request))
    }

    fn relay(&self, request: RelayRequest) -> CompletionStream {
        let (model, requester) = (request.model.clone(), request.requester);
        self.limited(model, requester, |gateway| gateway.relay(request))
    }

    fn body(&self, request: &CompletionRequest) -> Option<Vec<u8>> {
        self.inner.body(request)
    }

    async fn generation(&self, generation_id: &str) -> Result<Option<GenerationRecord>, CompletionError> {
        self.inner.generation(generation_id).await
    }

    async fn models(&self) -> Result<CatalogListing, CompletionError> {
        self.inner.models().await
    }
}

fn ended(error: CompletionError) -> CompletionEvent {
    CompletionEvent::Ended(Box::new(CompletionEnd::failed(error)))
}

fn queue_timeout(wait: Duration) -> CompletionError {
    busy("too many requests to the upstream are in progress", wait)
}

fn circuit_open(wait: Duration) -> CompletionError {
    busy("the upstream keeps failing, and requests are paused", wait)
}

fn busy(message: &str, wait: Duration) -> CompletionError {
    CompletionError { retry_after: Some(wait), ..CompletionError::new(CompletionErrorKind::Busy, message) }
}

#[cfg(test)]
mod tests;
