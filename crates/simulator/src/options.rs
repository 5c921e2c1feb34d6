//! How a simulator is started.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Settings; the default ones suit tests.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 (the default) takes a free port of the loopback interface.
    pub listen: SocketAddr,
    /// The only key that is accepted; none (the default) lets everybody in, without a key too.
    pub api_key: Option<String>,
    /// The pause before each word of an echo, none by default; about 25 ms is pleasant to watch.
    pub typing_delay: Duration,
    /// How many requests are remembered, at least 1; 10,000 by default, together at most 64 MiB.
    pub recorded_requests: usize,
    /// How long the waits of [`Simulator`](crate::Simulator) last before they fail; 10 s by default.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            api_key: None,
            typing_delay: Duration::ZERO,
            recorded_requests: 10_000,
            patience: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("listen", &self.listen)
            .field("api_key", &self.api_key.as_ref().map(|_| "***"))
            .field("typing_delay", &self.typing_delay)
            .field("recorded_requests", &self.recorded_requests)
            .field("patience", &self.patience)
            .finish()
    }
}
