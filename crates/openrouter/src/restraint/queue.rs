//! The queue: places for streams and turns within the minute, given in the order in which they were asked for.

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

/// What a request is told that found no free stream: when one will end is not known.
const STREAM_WAIT: Duration = Duration::from_secs(1);

/// How much of a minute's requests may come at once.
const BURST_SHARE: u32 = 10;

type Minute = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Nanos>>;

/// Who may send now, and who waits.
#[derive(Debug)]
pub(super) struct Queue {
    streams: Arc<Semaphore>,
    /// The head of the line waits here for its turn within the minute; those behind it wait for the lock.
    minute: Option<Mutex<Minute>>,
    max_queue_wait: Duration,
}

/// The place of one stream, free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    _stream: OwnedSemaphorePermit,
}

impl Queue {
    pub(super) fn new(restraint: &UpstreamLimits) -> Self {
        let minute = restraint.requests_per_minute.map(|requests| {
            let burst = (requests.get() / BURST_SHARE).max(1);
            let quota = Quota::per_minute(requests).allow_burst(burst.try_into().unwrap_or(requests));
            Mutex::new(RateLimiter::direct_with_clock(quota, TokioClock { start: monotonic() }))
        });
        let streams =
            usize::try_from(restraint.max_concurrent_streams.get()).unwrap_or(Semaphore::MAX_PERMITS);
        Queue {
            streams: Arc::new(Semaphore::new(streams.min(Semaphore::MAX_PERMITS))),
            minute,
            max_queue_wait: restraint.max_queue_wait,
        }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// The time after which another try makes sense, where it would be too long to wait.
    pub(super) async fn join(&self) -> Result<Place, Duration> {
        let deadline = monotonic() + self.max_queue_wait;
        let stream = Arc::clone(&self.streams).acquire_owned();
        let stream = tokio::time::timeout_at(deadline, stream).await;
        let Ok(Ok(stream)) = stream else { return Err(STREAM_WAIT) };
        if let Some(minute) = &self.minute {
            let Ok(minute) = tokio::time::timeout_at(deadline, minute.lock()).await else {
                return Err(self.max_queue_wait);
            };
            while let Err(refused) = minute.check() {
                let wait = refused.wait_time_from(minute.clock().now());
                if monotonic() + wait > deadline {
                    return Err(wait);
                }
                tokio::time::sleep(wait).await;
            }
        }
        Ok(Place { _stream: stream })
    }
}

/// Tokio's clock for the limiter, so that tests can pause it.
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
