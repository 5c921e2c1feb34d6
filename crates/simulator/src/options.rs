//! Options of a simulator.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Options of a simulator; the defaults are for tests.
#[derive(Clone)]
pub struct Options {
    /// Address to listen on; by default a free port on the loopback interface.
    pub listen: SocketAddr,
    /// Accepted key; by default all requests are accepted, also without a key.
    pub api_key: Option<String>,
    /// Delay before each word of an echo; none by default. A real model has about 25 ms.
    pub typing_delay: Duration,
    /// Maximum number of recorded requests, at least 1; 10,000 by default. Their bodies are limited to 64 MiB in total.
    pub recorded_requests: usize,
    /// Number of providers of each model, 1 to 3; 1 by default. Each has a prompt cache of its own.
    pub providers: usize,
    /// Timeout of the `wait_…` methods of [`Simulator`](crate::Simulator); 10 s by default.
    pub wait_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            api_key: None,
            typing_delay: Duration::ZERO,
            recorded_requests: 10_000,
            providers: 1,
            wait_timeout: Duration::from_secs(10),
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
            .field("providers", &self.providers)
            .field("wait_timeout", &self.wait_timeout)
            .finish()
    }
}
