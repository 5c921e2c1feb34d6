//! Timeout of a client that sends or reads data, extended by each KiB.

use std::time::Duration;

/// Bytes that extend the time of a client by one second.
const BYTES_PER_SECOND: u64 = 1024;

/// Time that a client may keep the server waiting in all. Each KiB that it sends or reads gives it another second, up to
/// the timeout.
#[derive(Debug)]
pub(crate) struct TransferTimeout {
    timeout: Duration,
    remaining: Duration,
}

impl TransferTimeout {
    pub(crate) fn new(timeout: Duration) -> Self {
        TransferTimeout { timeout, remaining: timeout }
    }

    /// Returns the time that the client may keep the server waiting now.
    pub(crate) fn remaining(&self) -> Duration {
        self.remaining
    }

    /// Records a wait and the data that ended it.
    pub(crate) fn progressed(&mut self, waited: Duration, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let earned = Duration::from_millis(bytes.saturating_mul(1000) / BYTES_PER_SECOND);
        self.remaining = self.remaining.saturating_sub(waited).saturating_add(earned).min(self.timeout);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drip_uses_the_time_up_and_steady_data_do_not() {
        let seconds = Duration::from_secs;
        let mut drip = TransferTimeout::new(seconds(60));
        for _ in 0..59 {
            drip.progressed(seconds(1), 1);
        }
        assert!(drip.remaining() < seconds(2), "{drip:?}");
        let mut steady = TransferTimeout::new(seconds(60));
        for _ in 0..1000 {
            steady.progressed(seconds(1), 1024);
        }
        assert_eq!(steady.remaining(), seconds(60));
        steady.progressed(seconds(59), 64 * 1024);
        assert_eq!(steady.remaining(), seconds(60));
    }
}
