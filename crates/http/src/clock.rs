//! Monotonic time. Deadlines of connections and requests are measured with it.

use tokio::time::Instant;

/// Returns the monotonic time. The clock is tokio's, which tests can pause.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}
