//! The clocks of the store: the monotonic clock of leases, and the wall clock of expired turns.

use std::time::{SystemTime, UNIX_EPOCH};

use causerie_domain::Timestamp;
use tokio::time::Instant;

/// The monotonic clock that leases are measured by. It is tokio's, so that tests can pause it.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// The wall clock, for port methods that receive no time.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}
