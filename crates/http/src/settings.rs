//! What can be set about the HTTP side, with defaults that suit a single instance.

use std::time::Duration;

/// Settings of the HTTP side. Every field has a default that works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Threads that parse requests and write answers.
    pub workers: usize,
    /// The largest request body, in bytes.
    pub body_limit: usize,
    /// A silence this long in a stream is filled with a comment.
    pub keep_alive: Duration,
    /// A connection that takes nothing for this long is cut off.
    pub stall: Duration,
    /// How long open requests have to end once the server is told to stop. Whole seconds count.
    pub shutdown_timeout: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        HttpSettings {
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            body_limit: 1024 * 1024,
            keep_alive: Duration::from_secs(15),
            stall: Duration::from_secs(60),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}
