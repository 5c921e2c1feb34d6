//! What can be set about the HTTP side, with defaults that suit a single instance.

use std::num::NonZeroU32;
use std::time::Duration;

use ipnet::IpNet;

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
    /// A connection without a request is closed after this long.
    pub idle_connection: Duration,
    /// How long open requests have to end once the server is told to stop. Whole seconds count.
    pub shutdown_timeout: Duration,
    /// Who may come in, from where, and how often.
    pub access: AccessSettings,
}

/// Who may come in, from where, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessSettings {
    /// Sends a minute for each user whose groups say nothing else; none means any number.
    pub sends_per_minute: Option<NonZeroU32>,
    /// Failed authentications a minute from one address; none means any number.
    pub failures_per_minute: Option<NonZeroU32>,
    /// The networks of proxies that are believed when they name a client's address.
    pub trusted_proxies: Vec<IpNet>,
    /// The origins whose scripts may read answers, such as `https://app.example.org`.
    pub cors_origins: Vec<String>,
    /// Whether somebody with a token of the identity provider, but without a user, becomes one.
    pub admits_newcomers: bool,
    /// Whether a request without a credential is the first administrator's. Only for a server that nobody else can
    /// reach: it must listen on a loopback address and have no `cors_origins`.
    pub open_door: bool,
}

impl Default for AccessSettings {
    fn default() -> Self {
        AccessSettings {
            sends_per_minute: NonZeroU32::new(1200),
            failures_per_minute: NonZeroU32::new(600),
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            admits_newcomers: false,
            open_door: false,
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        HttpSettings {
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            body_limit: 1024 * 1024,
            keep_alive: Duration::from_secs(15),
            stall: Duration::from_secs(60),
            idle_connection: Duration::from_secs(75),
            shutdown_timeout: Duration::from_secs(30),
            access: AccessSettings::default(),
        }
    }
}
