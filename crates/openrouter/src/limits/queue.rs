//! The queue: permits for concurrent streams and for requests per minute, granted in order of arrival.

use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::UpstreamLimits;
use crate::clock::monotonic;

/// Retry wait of a request that got no stream permit. When a stream will end is not known.
const STREAM_WAIT: Duration = Duration::from_secs(1);

/// Divisor of the requests per minute that gives the size of a burst.
const BURST_DIVISOR: u32 = 10;

type MinuteLimiter = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Nanos>>;

/// Grants permits for requests.
#[derive(Debug)]
pub(super) struct Queue {
    streams: Arc<Semaphore>,
    /// The first request in the queue holds the lock while it waits for the limiter; the others wait for the lock.
    minute: Option<Mutex<MinuteLimiter>>,
    max_wait: Duration,
}

/// Permission for one stream, released when dropped.
#[derive(Debug)]
pub(super) struct QueuePermit {
    _stream: OwnedSemaphorePermit,
}

impl Queue {
    pub(super) fn new(limits: &UpstreamLimits) -> Self {
        let minute = limits.requests_per_minute.map(|requests| {
            let burst = (requests.get() / BURST_DIVISOR).max(1);
            let quota = Quota::per_minute(requests).allow_burst(burst.try_into().unwrap_or(requests));
            Mutex::new(RateLimiter::direct_with_clock(quota, TokioClock { start: monotonic() }))
        });
        let streams = usize::try_from(limits.max_concurrent_streams.get()).unwrap_or(Semaphore::MAX_PERMITS);
        Queue {
            streams: Arc::new(Semaphore::new(streams.min(Semaphore::MAX_PERMITS))),
            minute,
            max_wait: limits.max_queue_wait,
        }
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// The time to wait before a retry, if the wait would be longer than the limit.
    pub(super) async fn acquire(&self) -> Result<QueuePermit, Duration> {
        let deadline = monotonic() + self.max_wait;
        let stream = Arc::clone(&self.streams).acquire_owned();
        let stream = tokio::time::timeout_at(deadline, stream).await;
        let Ok(Ok(stream)) = stream else { return Err(STREAM_WAIT) };
        if let Some(minute) = &self.minute {
            let Ok(minute) = tokio::time::timeout_at(deadline, minute.lock()).await else {
                return Err(self.max_wait);
            };
            while let Err(refused) = minute.check() {
                let wait = refused.wait_time_from(minute.clock().now());
                if monotonic() + wait > deadline {
                    return Err(wait);
                }
                tokio::time::sleep(wait).await;
            }
        }
        Ok(QueuePermit { _stream: stream })
    }
}

/// Tokio's clock for the limiter, which tests can pause.
#[derive(Debug, Clone)]
struct TokioClock {
    start: Instant,
}

impl Clock for TokioClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(monotonic().saturating_duration_since(self.start))
    }
}
