//! Clock and ids of the operating system. No other module of the runtime reads them.

use std::time::{SystemTime, UNIX_EPOCH};

use causerie_domain::Timestamp;
use causerie_domain::ports::{Clock, Ids};
use tokio::time::Instant;
use uuid::Uuid;

/// Wall clock of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}

/// UUIDv7 from the system clock and random numbers, ascending within the process.
#[derive(Debug, Clone, Copy)]
pub struct SystemIds;

impl Ids for SystemIds {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the implementation of the port that all other code uses"
    )]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Returns the monotonic time, for the measurement of waits. The clock is tokio's, which tests can pause.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}
