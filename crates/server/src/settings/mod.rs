//! The settings: one struct per concern, each as it is given (`…Args`) and as it was understood.
//!
//! Nothing else in the program reads the environment. Everything is read before anything is opened, and all
//! mistakes are reported at once.

mod access;
mod http;
mod logging;
mod runtime;
mod setting;
mod store;
mod upstream;
mod upstream_limits;
mod values;

use causerie_http::AccessSettings;
use clap::Args;

pub use http::HttpSettings;
pub use logging::{LogFormat, LogSettings};
pub use runtime::RuntimeSettings;
pub use setting::{InvalidSettings, SettingError};
pub use store::StoreSettings;
pub use upstream::{Upstream, UpstreamSettings, UpstreamTimeouts};

pub(crate) use access::{AccessArgs, check_open_door};
pub(crate) use http::HttpArgs;
pub(crate) use logging::LogArgs;
pub(crate) use runtime::RuntimeArgs;
pub(crate) use setting::SettingErrors;
pub(crate) use store::StoreArgs;
pub(crate) use upstream::UpstreamArgs;
pub(crate) use values::span;

/// Everything that can be set about a server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where conversations and money are kept.
    pub store: StoreSettings,
    /// Who answers.
    pub upstream: UpstreamSettings,
    /// How clients reach it.
    pub http: HttpSettings,
    /// Who may come in, from where, and how often.
    pub access: AccessSettings,
    /// The identity provider whose tokens are accepted, if any.
    pub tokens: Option<causerie_identity::Settings>,
    /// How turns are run.
    pub runtime: RuntimeSettings,
    /// What it says of itself.
    pub log: LogSettings,
}

/// The settings of `serve`, as they are given.
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
    /// The settings, or every mistake in them.
    pub(crate) fn read(self) -> Result<Settings, InvalidSettings> {
        let mut errors = SettingErrors::default();
        let http = self.http.read(&mut errors);
        let access = self.access.read(&mut errors);
        let store = self.store.read(&mut errors);
        let upstream = self.upstream.read(&mut errors);
        let runtime = self.runtime.read(&mut errors);
        let log = self.log.read(&mut errors);
        #[cfg(feature = "test-hooks")]
        self.hooks.install();
        let all = || {
            let (access, tokens) = access?;
            let (http, store, upstream) = (http?, store?, upstream?);
            Some(Settings { store, upstream, http, access, tokens, runtime: runtime?, log: log? })
        };
        errors.or(all())
    }
}
