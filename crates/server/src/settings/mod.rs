//! The settings: one struct per concern, each as command-line arguments (`…Args`) and as parsed values.
//!
//! No other module reads the environment. All settings are read before a file or a socket is opened, and all errors
//! are reported together.

mod access;
mod http;
mod logging;
mod open_files;
mod runtime;
mod setting;
mod store;
mod upstream;
mod upstream_limits;
mod values;

use std::net::SocketAddr;

use causerie_http::HttpSettings;
use clap::Args;

pub use logging::{LogFormat, LogSettings};
pub use runtime::RuntimeSettings;
pub use setting::{InvalidSettings, SettingError};
pub use store::StoreSettings;
pub use upstream::{Upstream, UpstreamSettings, UpstreamTimeouts};

pub(crate) use access::{AccessArgs, check_auth_disabled};
pub(crate) use http::HttpArgs;
pub(crate) use logging::LogArgs;
pub(crate) use runtime::RuntimeArgs;
pub(crate) use setting::SettingErrors;
pub(crate) use store::StoreArgs;
pub(crate) use upstream::UpstreamArgs;
pub(crate) use values::span;

/// The settings of a server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Database and data folder.
    pub store: StoreSettings,
    /// The upstream API.
    pub upstream: UpstreamSettings,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The HTTP server, with authentication, rate limits, trusted proxies and CORS.
    pub http: HttpSettings,
    /// The identity provider whose tokens are accepted, if any.
    pub tokens: Option<causerie_identity::Settings>,
    /// Turns, tool definitions and cost reconciliation.
    pub runtime: RuntimeSettings,
    pub log: LogSettings,
}

/// The command-line arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    upstream: UpstreamArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
    #[command(flatten)]
    log: LogArgs,
    #[cfg(feature = "test-hooks")]
    #[command(flatten)]
    hooks: crate::test_hooks::HookArgs,
}

impl ServeArgs {
    /// Parses the settings.
    ///
    /// # Errors
    /// All invalid settings.
    pub(crate) fn read(self) -> Result<Settings, InvalidSettings> {
        let mut errors = SettingErrors::default();
        let http = self.http.read(&mut errors);
        let access = self.access.read(&mut errors);
        let store = self.store.read(&mut errors);
        let upstream = self.upstream.read(&mut errors);
        let is_shared = store.as_ref().is_some_and(StoreSettings::is_shared);
        let runtime = self.runtime.read(is_shared, &mut errors);
        let log = self.log.read(&mut errors);
        #[cfg(feature = "test-hooks")]
        self.hooks.install();
        let all = || {
            let (listen, http) = http?;
            let (access, tokens) = access?;
            let (store, upstream) = (store?, upstream?);
            let reserved = open_files::reserved_files(&store, &upstream, http.workers);
            let max_connections = open_files::max_connections(open_files::open_file_limit(), reserved);
            let http = HttpSettings { access, max_connections, ..http };
            Some(Settings { store, upstream, listen, http, tokens, runtime: runtime?, log: log? })
        };
        errors.or(all())
    }
}
