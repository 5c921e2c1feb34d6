//! Settings of the HTTP listener and its streams.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use causerie_http::{HttpSettings, StreamSettings};
use clap::Args;

use super::open_files;
use super::setting::{Setting, SettingErrors, optional, setting};
use super::values::{address, milliseconds, whole};

#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct HttpArgs {
    /// Address to listen on. Port 0 lets the system choose a port; the startup banner names it.
    #[arg(long, env = "CAUSERIE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    #[arg(value_parser = setting(address))]
    listen: Setting<SocketAddr>,
    /// Threads that read requests and write answers [default: one per core].
    #[arg(
        long,
        env = "CAUSERIE_WORKERS",
        value_name = "COUNT",
        default_value = "",
        hide_default_value = true
    )]
    #[arg(value_parser = optional(whole::<usize>(1..=256)))]
    workers: Setting<Option<usize>>,
    /// Maximum size of a request body in bytes. A larger body is answered with 413.
    #[arg(long, env = "CAUSERIE_BODY_LIMIT_BYTES", value_name = "BYTES", default_value = "1048576")]
    #[arg(value_parser = setting(whole::<usize>(1024..=1 << 30)))]
    body_limit_bytes: Setting<usize>,
    /// Maximum size, in bytes, of a request body that holds a conversation, as those of `/v1` and `/api/chat`. All such bodies in
    /// progress together have at most eight times this size.
    #[arg(long, env = "CAUSERIE_CLIENT_BODY_LIMIT_BYTES", value_name = "BYTES", default_value = "33554432")]
    #[arg(value_parser = setting(whole::<usize>(1024..=1 << 30)))]
    client_body_limit_bytes: Setting<usize>,
    /// Time without an event, in milliseconds, after which a stream sends a comment, so that proxies keep it open.
    #[arg(long, env = "CAUSERIE_KEEP_ALIVE_MS", value_name = "MS", default_value = "15000")]
    #[arg(value_parser = setting(milliseconds))]
    keep_alive_ms: Setting<Duration>,
    /// Time, in milliseconds, that a client may keep the server waiting while it reads a response or sends a body; each
    /// KiB gives it another second. Then its connection is closed; the client can resume a stream.
    #[arg(long, env = "CAUSERIE_STALL_MS", value_name = "MS", default_value = "60000")]
    #[arg(value_parser = setting(milliseconds))]
    stall_ms: Setting<Duration>,
    /// Time, in milliseconds, after which a connection without a request, or without the rest of the head of a request,
    /// is closed. It must be longer than the idle
    /// timeout of a proxy in front, or the proxy sometimes sends a request on a connection that is being closed.
    #[arg(long, env = "CAUSERIE_IDLE_CONNECTION_MS", value_name = "MS", default_value = "75000")]
    #[arg(value_parser = setting(milliseconds))]
    idle_connection_ms: Setting<Duration>,
    /// Maximum number of connections from one address (IPv6: one /64 network); 0 disables the limit. Trusted proxies
    /// have none [default: half of the limit of open files].
    #[arg(long, env = "CAUSERIE_CONNECTIONS_PER_ADDRESS", value_name = "COUNT", default_value = "")]
    #[arg(hide_default_value = true, value_parser = optional(whole::<usize>(0..=1_000_000)))]
    connections_per_address: Setting<Option<usize>>,
}

impl HttpArgs {
    /// Returns the address to listen on, and the settings of the HTTP server with the default access settings.
    pub(crate) fn read(self, errors: &mut SettingErrors) -> Option<(SocketAddr, HttpSettings)> {
        let listen = errors.take(self.listen);
        let workers = errors.take(self.workers);
        let max_body_bytes = errors.take(self.body_limit_bytes);
        let max_client_body_bytes = errors.take(self.client_body_limit_bytes);
        let keep_alive = errors.take(self.keep_alive_ms);
        let write_timeout = errors.take(self.stall_ms);
        let idle_timeout = errors.take(self.idle_connection_ms);
        let connections_per_address = errors.take(self.connections_per_address);

        let defaults = HttpSettings::default();
        let settings = HttpSettings {
            workers: workers?.unwrap_or(defaults.workers),
            max_body_bytes: max_body_bytes?,
            max_client_body_bytes: max_client_body_bytes?,
            idle_timeout: idle_timeout?,
            connections_per_address: match connections_per_address? {
                Some(count) => NonZeroUsize::new(count),
                None => open_files::connections_per_address(open_files::open_file_limit()),
            },
            streams: StreamSettings { keep_alive: keep_alive?, write_timeout: write_timeout? },
            ..defaults
        };
        Some((listen?, settings))
    }
}
