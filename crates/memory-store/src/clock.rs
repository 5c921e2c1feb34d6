//! Clocks: monotonic time of leases, and wall-clock time of interrupted turns.

use std::time::{SystemTime, UNIX_EPOCH};

use causerie_domain::Timestamp;
use tokio::time::Instant;

/// Returns the monotonic time for leases. It is the time of tokio, so that tests can pause it.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// Returns the wall-clock time, for port methods without a time argument.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}
