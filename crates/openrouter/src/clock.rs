//! The timeouts of this crate, read nowhere else: waits run on tokio's, which tests can pause.

use std::time::SystemTime;

use tokio::time::Instant;

/// The monotonic clock that waits are measured by.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// The wall clock, for waits that the upstream tells as a date.
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}
