//! The queue: permits for concurrent streams and for requests per minute, granted to waiting users in turn.

use std::time::Duration;

use causerie_domain::Requester;
use causerie_fair_share::{FairPermit, FairSemaphore, RateLimit};
use governor::clock::Clock;
use governor::nanos::Nanos;
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use super::UpstreamLimits;
use crate::clock::monotonic;

/// Retry wait of a request that got no permit. When one will be free is not known.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// Divisor of the requests per minute that gives the size of a burst.
const BURST_DIVISOR: u32 = 10;

/// Grants permits for requests.
#[derive(Debug)]
pub(super) struct Queue {
    streams: FairSemaphore,
    max_wait: Duration,
}

impl Queue {
    pub(super) fn new(limits: &UpstreamLimits) -> Self {
        let streams = usize::try_from(limits.max_concurrent_streams.get()).unwrap_or(usize::MAX);
        Queue { streams: FairSemaphore::new(streams, minute_limit(limits)), max_wait: limits.max_queue_wait }
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// The time to wait before a retry, if the maximum wait has passed.
    pub(super) async fn acquire(&self, requester: Requester) -> Result<FairPermit, Duration> {
        let deadline = monotonic() + self.max_wait;
        self.streams.acquire(requester, deadline).await.ok_or(RETRY_WAIT)
    }
}

/// Returns the limit on the requests per minute, if one is set.
fn minute_limit(limits: &UpstreamLimits) -> Option<RateLimit> {
    let requests = limits.requests_per_minute?;
    let burst = (requests.get() / BURST_DIVISOR).max(1);
    let quota = Quota::per_minute(requests).allow_burst(burst.try_into().unwrap_or(requests));
    let limiter = RateLimiter::direct_with_clock(quota, TokioClock { start: monotonic() });
    Some(Box::new(move || limiter.check().map_err(|refused| refused.wait_time_from(limiter.clock().now()))))
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
