//! The only place that reads timeouts. Waits use tokio's clock, which tests can pause.

use std::time::SystemTime;

use tokio::time::Instant;

/// Returns the monotonic time, by which waits are measured.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// Returns the wall-clock time, for waits that the upstream states as a date.
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}
