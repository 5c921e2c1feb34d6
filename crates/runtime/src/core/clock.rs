//! The system's clock and the system's ids: the only place where the runtime asks the machine.

use std::time::{SystemTime, UNIX_EPOCH};

use causerie_domain::Timestamp;
use causerie_domain::ports::{Clock, Ids};
use tokio::time::Instant;
use uuid::Uuid;

/// The machine's wall clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}

/// UUIDv7 from the machine's clock and random numbers, ascending within the process.
#[derive(Debug, Clone, Copy)]
pub struct SystemIds;

impl Ids for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "this is the port that everybody else is sent to")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// The monotonic clock that waits are measured by. It is tokio's, so that tests can pause it.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}
