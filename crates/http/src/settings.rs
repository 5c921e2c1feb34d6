//! Settings of the HTTP server, with defaults for a single instance.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use ipnet::IpNet;

use crate::sse::StreamSettings;

/// Settings of the HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Number of threads that parse requests and write responses.
    pub workers: usize,
    /// Maximum size of a request body.
    pub max_body_bytes: usize,
    /// Maximum size of a request body that holds a conversation, as those of `/v1`. All such bodies in flight together
    /// have at most eight times this size.
    pub max_client_body_bytes: usize,
    /// Idle timeout: a connection without a request, or without the rest of the head of a request, is closed after this
    /// time.
    pub idle_timeout: Duration,
    /// Maximum number of client connections; `None` disables the limit.
    pub max_connections: Option<NonZeroUsize>,
    /// Maximum number of connections from one address that is not a trusted proxy; `None` disables the limit.
    pub connections_per_address: Option<NonZeroUsize>,
    /// Time for open requests to end after a stop is requested, in whole seconds.
    pub shutdown_timeout: Duration,
    pub streams: StreamSettings,
    pub access: AccessSettings,
}

/// Authentication, CORS and rate limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessSettings {
    /// Sends allowed per minute and user, unless a group of the user sets another limit; `None` disables the limit.
    pub sends_per_minute: Option<NonZeroU32>,
    /// Creations per minute and user; `None` disables the limit. Large copies count as several.
    pub creations_per_minute: Option<NonZeroU32>,
    /// Failed authentications allowed per minute and client address; `None` disables the limit.
    pub failures_per_minute: Option<NonZeroU32>,
    /// Networks of proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose scripts may read responses (CORS), such as `https://app.example.org`.
    pub cors_origins: Vec<String>,
    /// Whether a valid token of an unknown user creates the user.
    pub auto_provision: bool,
    /// Disables authentication: requests without a credential act as the first administrator. The server must listen
    /// on a loopback address and have no `cors_origins`.
    pub auth_disabled: bool,
}

impl Default for AccessSettings {
    fn default() -> Self {
        AccessSettings {
            sends_per_minute: NonZeroU32::new(1200),
            creations_per_minute: NonZeroU32::new(600),
            failures_per_minute: NonZeroU32::new(600),
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            auto_provision: false,
            auth_disabled: false,
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        HttpSettings {
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            max_body_bytes: 1024 * 1024,
            max_client_body_bytes: 32 * 1024 * 1024,
            idle_timeout: Duration::from_secs(75),
            max_connections: None,
            connections_per_address: None,
            shutdown_timeout: Duration::from_secs(30),
            streams: StreamSettings::default(),
            access: AccessSettings::default(),
        }
    }
}
