//! Creates the adapters and connects them to the ports. Only this file combines adapters.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use causerie_domain::ports::{
    Authentication, Clock, CompletionGateway, Directory, IntegrityChecks, Operator, ReapScope, StoreHealth,
    StreamTickets, TokenVerifier, UsageSummaries,
};
use causerie_http::auth::OneTimeCode;
use causerie_http::{AppParts, AppState, HttpSettings};
use causerie_identity::JwksVerifier;
use causerie_openrouter::{LimitedGateway, OpenRouter};
use causerie_persistence::{AddressError, OpenError, ServeLock, SqlStore};
use causerie_runtime::{HostPolicy, Runtime, Stores, SystemIds};
use causerie_simulator::Simulator;
use tokio::runtime::Handle;

use crate::bootstrap::create_data_dir;
use crate::entropy::SystemEntropy;
use crate::settings::{InvalidSettings, SettingError, Settings, StoreSettings, Upstream, UpstreamSettings};

/// The setting that errors of the store name.
const DATABASE_URL: &str = "DATABASE_URL (--database-url)";
/// Delay before each word of the built-in simulator, similar to the pace of a model.
const SIMULATOR_WORD_DELAY: Duration = Duration::from_millis(25);
/// Time that connections have to receive their last frames after every turn has ended.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// Time between two checks that the files of a SQLite database are in their place.
const LOCK_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The mark in the metadata of answers from the built-in simulator.
const SIMULATOR_MARK: &str = "simulator";

/// An open store.
#[derive(Debug, Clone)]
pub(crate) struct Store(Arc<SqlStore>);

impl Store {
    /// Opens a store and applies the missing migrations.
    ///
    /// # Errors
    /// [`InvalidSettings`] if the address is invalid; otherwise the store cannot be opened or migrated.
    pub(crate) async fn open(settings: &StoreSettings) -> Result<Store> {
        let store = Store::open_without_migrating(settings)?;
        store.migrate().await?;
        Ok(store)
    }

    /// Opens a store without checking its schema.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub(crate) fn open_without_migrating(settings: &StoreSettings) -> Result<Store> {
        if sqlite_file(settings)?.is_some() {
            create_data_dir(&settings.data_dir)?;
        }
        match SqlStore::open(&settings.database) {
            Ok(store) => Ok(Store(Arc::new(store))),
            Err(OpenError::Address(error)) => Err(invalid_address(&error)),
            Err(error) => Err(error).context(DATABASE_URL),
        }
    }

    /// Opens an existing store with this program's schema, without changing it.
    ///
    /// # Errors
    /// As [`Store::open`], or the store does not exist.
    pub(crate) async fn open_existing(settings: &StoreSettings) -> Result<Store> {
        if let Some(path) = sqlite_file(settings)? {
            ensure!(path.is_file(), "there is no database {}", path.display());
        }
        let store = Store::open_without_migrating(settings)?;
        store.health().check().await.context("cannot read the database")?;
        Ok(store)
    }

    /// Applies the missing migrations and returns their versions.
    pub(crate) async fn migrate(&self) -> Result<Vec<String>> {
        self.0.migrate().await.context(DATABASE_URL)
    }

    /// Acquires the right to serve: exclusive on SQLite, shared on PostgreSQL.
    pub(crate) fn lock_for_serving(&self) -> Result<ServingRight> {
        Ok(ServingRight(Arc::new(self.0.lock_for_serving()?)))
    }

    pub(crate) fn administration(&self) -> Arc<dyn Operator> {
        Arc::clone(&self.0) as Arc<dyn Operator>
    }

    pub(crate) fn integrity_checks(&self) -> Arc<dyn IntegrityChecks> {
        Arc::clone(&self.0) as Arc<dyn IntegrityChecks>
    }

    pub(crate) fn health(&self) -> Arc<dyn StoreHealth> {
        Arc::clone(&self.0) as Arc<dyn StoreHealth>
    }

    pub(crate) fn directory(&self) -> Arc<dyn Directory> {
        Arc::clone(&self.0) as Arc<dyn Directory>
    }

    pub(crate) fn authentication(&self) -> Arc<dyn Authentication> {
        Arc::clone(&self.0) as Arc<dyn Authentication>
    }

    pub(crate) fn tickets(&self) -> Arc<dyn StreamTickets> {
        Arc::clone(&self.0) as Arc<dyn StreamTickets>
    }

    pub(crate) fn usage_summaries(&self) -> Arc<dyn UsageSummaries> {
        Arc::clone(&self.0) as Arc<dyn UsageSummaries>
    }

    /// Refuses the calls that wait for their turn.
    pub(crate) fn end_long_waits(&self) {
        self.0.end_long_waits();
    }

    /// Waits for running transactions and closes the connections.
    pub(crate) async fn close(&self) {
        self.0.close().await;
    }

    /// Leaves the connections open until the process ends. Closing a SQLite database removes files by their names, and
    /// after [`ServingRight::lost`] these may be the files of another process.
    pub(crate) fn abandon(self) {
        std::mem::forget(self);
    }
}

/// Returns the path of the database file; `None` on PostgreSQL.
///
/// # Errors
/// [`InvalidSettings`] if the address is invalid.
fn sqlite_file(settings: &StoreSettings) -> Result<Option<PathBuf>> {
    causerie_persistence::sqlite_path(settings.database.url.expose()).map_err(|error| invalid_address(&error))
}

fn invalid_address(error: &AddressError) -> anyhow::Error {
    let error = SettingError::new(format!("{DATABASE_URL} cannot be used: {error}"));
    InvalidSettings(vec![error]).into()
}

/// The right to serve from a store, released on drop.
#[derive(Debug, Clone)]
pub(crate) struct ServingRight(Arc<ServeLock>);

impl ServingRight {
    /// Returns the running turns that this process may close at its start.
    pub(crate) fn reap_scope(&self) -> ReapScope {
        self.0.reap_scope()
    }

    /// Waits until a file of the database is removed or replaced, and returns the error.
    pub(crate) async fn lost(&self) -> anyhow::Error {
        loop {
            tokio::time::sleep(LOCK_CHECK_INTERVAL).await;
            let lock = Arc::clone(&self.0);
            // A file system that does not answer proves nothing.
            if let Ok(Err(lost)) = tokio::task::spawn_blocking(move || lock.check()).await {
                return lost.into();
            }
        }
    }
}

/// The upstream gateway, with the built-in simulator if that is used.
#[derive(Debug)]
pub(crate) struct Gateway {
    port: Arc<dyn CompletionGateway>,
    simulator: Option<Simulator>,
    /// A sentence that names the upstream, for the banner.
    pub(crate) description: String,
}

impl Gateway {
    /// Creates the client and starts the simulator if it is used. Connections are opened by the first request.
    ///
    /// # Errors
    /// The client cannot be created, or the simulator cannot listen.
    pub(crate) fn open(settings: &UpstreamSettings) -> Result<Gateway> {
        let (simulator, base_url, api_key) = match &settings.upstream {
            Upstream::Simulator => {
                let options = causerie_simulator::Options {
                    typing_delay: SIMULATOR_WORD_DELAY,
                    recorded_requests: 1,
                    ..causerie_simulator::Options::default()
                };
                let simulator = Simulator::start(options).context("cannot start the built-in simulator")?;
                let base_url = simulator.base_url().to_owned();
                (Some(simulator), base_url, None)
            }
            Upstream::Gateway { base_url, api_key } => (None, base_url.clone(), api_key.clone()),
        };
        let description = match (&simulator, &api_key) {
            (Some(_), _) => {
                "AI_API_KEY is not set: answers come from the built-in simulator, as their metadata states."
                    .to_owned()
            }
            (None, Some(_)) => format!("Answers come from {base_url}."),
            (None, None) => format!("Answers come from {base_url}, without an API key."),
        };
        let timeouts = settings.timeouts;
        let client = OpenRouter::new(causerie_openrouter::Settings {
            base_url,
            api_key,
            attribution: causerie_openrouter::Attribution {
                referer: settings.referer.clone(),
                title: settings.title.clone(),
                categories: Vec::new(),
            },
            timeouts: causerie_openrouter::Timeouts {
                connect: timeouts.connect,
                first_byte: timeouts.first_byte,
                idle_bytes: timeouts.idle,
                idle_progress: timeouts.progress,
                total: timeouts.total,
                ..causerie_openrouter::Timeouts::default()
            },
            size_limits: causerie_openrouter::SizeLimits {
                max_event_bytes: settings.max_event,
                max_answer_bytes: settings.max_answer,
                ..causerie_openrouter::SizeLimits::default()
            },
            proxy: settings.proxy.as_ref().map(|proxy| proxy.expose().to_owned()),
        })
        .context("cannot create the client of the upstream")?;
        let limited = LimitedGateway::new(Arc::new(client), settings.limits);
        Ok(Gateway { port: Arc::new(limited), simulator, description })
    }

    /// Stops the simulator, if it is used.
    pub(crate) async fn close(self) {
        if let Some(simulator) = self.simulator {
            simulator.stop().await;
        }
    }
}

/// Builds the runtime on a store and a gateway. Its turns run on the tokio runtime of the handle.
///
/// # Errors
/// The runtime cannot be built.
pub(crate) fn runtime(
    settings: &Settings,
    store: &Store,
    gateway: &Gateway,
    handle: Handle,
) -> Result<Runtime> {
    let upstream = &settings.upstream;
    let defaults = causerie_runtime::Settings::default();
    let settings = causerie_runtime::Settings {
        default_model: upstream.default_model.clone(),
        default_max_output_tokens: upstream.default_max_output_tokens,
        max_retries: upstream.max_retries,
        max_retry_wait: upstream.max_retry_wait,
        turn_deadline: upstream.timeouts.total,
        lease: settings.runtime.lease,
        flush_interval: settings.runtime.flush_interval,
        flush_bytes: settings.runtime.flush_bytes,
        lookups_per_minute: settings.runtime.lookups_per_minute.get(),
        lookup_window: settings.runtime.lookup_window,
        reconcile_interval: settings.runtime.reconcile_interval,
        catalog_only: upstream.catalog_only,
        completions: upstream.completions,
        attachment_hosts: if settings.runtime.allow_private_urls {
            HostPolicy::Any
        } else {
            HostPolicy::Public
        },
        admin_reads_content: settings.runtime.admin_reads_content,
        answer_mark: gateway.simulator.as_ref().map(|_| SIMULATOR_MARK.to_owned()),
        ..defaults
    };
    let stores = Stores::of(&store.0);
    let builder = Runtime::builder(stores, Arc::clone(&gateway.port)).directory(store.directory());
    Ok(builder.settings(settings).clock(clock()).build(handle)?)
}

#[cfg(not(feature = "test-hooks"))]
fn clock() -> Arc<dyn Clock> {
    Arc::new(causerie_runtime::SystemClock)
}

#[cfg(feature = "test-hooks")]
fn clock() -> Arc<dyn Clock> {
    Arc::new(crate::test_hooks::SkewedClock)
}

/// Builds the state of the HTTP server on a runtime and a store. Its calls run on the current tokio runtime.
///
/// # Errors
/// The client of the identity provider cannot be created.
pub(crate) fn app_state(
    settings: &Settings,
    store: &Store,
    runtime: &Runtime,
    one_time_code: Option<OneTimeCode>,
) -> Result<AppState> {
    let tokens = match settings.tokens.clone() {
        Some(issuer) => {
            let issuer = JwksVerifier::new(issuer).context("CAUSERIE_JWT_JWKS_URL (--jwt-jwks-url)")?;
            Some(Arc::new(issuer) as Arc<dyn TokenVerifier>)
        }
        None => None,
    };
    let parts = AppParts {
        runtime: runtime.clone(),
        authentication: store.authentication(),
        tickets: store.tickets(),
        tokens,
        entropy: Arc::new(SystemEntropy),
        health: store.health(),
        clock: clock(),
        ids: Arc::new(SystemIds),
        one_time_code,
        main: Handle::current(),
    };
    let settings = HttpSettings { shutdown_timeout: SHUTDOWN_TIMEOUT, ..settings.http.clone() };
    Ok(AppState::new(parts, settings))
}
