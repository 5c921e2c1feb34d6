//! Builder of a test app.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use causerie_domain::Secret;
use causerie_domain::ports::{Clock as _, CompletionGateway as _, Models as _};
use causerie_domain::users::Role;
use causerie_http::{AccessSettings, HttpSettings, StreamSettings};
use causerie_openrouter::{OpenRouter, UpstreamLimits};
use causerie_runtime::{CompletionSettings, SystemClock};
use causerie_server::Server;
use causerie_server::settings::{
    LogFormat, LogSettings, RuntimeSettings, Settings, StoreSettings, Upstream, UpstreamSettings,
    UpstreamTimeouts,
};
use causerie_simulator::{Options, Simulator};
use tempfile::TempDir;

use super::{Client, TestApp, create_user};
use crate::database::TestDatabase;

/// API key that the upstream requires, so that each test also checks that it is sent.
const UPSTREAM_KEY: &str = "sk-or-v1-of-the-test";
/// Timeout of operations that a test expects to end.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Settings and tools of an app that is not started yet.
#[derive(Debug)]
pub struct TestAppBuilder {
    database: TestDatabase,
    definitions: Vec<String>,
    setting_changes: Vec<fn(&mut Settings)>,
    catalog: InitialCatalog,
    tokens: Option<causerie_identity::Settings>,
    /// Number of providers of each model.
    providers: usize,
}

/// Model catalog in the store when the server starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InitialCatalog {
    /// Stored this long before the start, as on a later start.
    Stored { age: Duration },
    /// Empty, as on the first start. The server reads the catalog while it serves.
    Empty,
}

impl TestAppBuilder {
    pub(super) fn new(database: TestDatabase) -> Self {
        TestAppBuilder {
            database,
            definitions: Vec::new(),
            setting_changes: Vec::new(),
            catalog: InitialCatalog::Stored { age: Duration::ZERO },
            tokens: None,
            providers: 1,
        }
    }

    /// Adds a tool. Its model selects the scenario of the simulated upstream.
    pub fn tool(self, name: &str, model: &str) -> Self {
        self.definition(&format!(
            "name: {name}\nversion: 1.0.0\ntype: chat\ntitle: {name}\nbehavior: Be kind.\nmodel: \"{model}\"\n"
        ))
    }

    /// Adds a tool definition in YAML.
    pub fn definition(mut self, yaml: &str) -> Self {
        self.definitions.push(yaml.to_owned());
        self
    }

    /// Adds a change of the default settings.
    pub fn settings(mut self, change: fn(&mut Settings)) -> Self {
        self.setting_changes.push(change);
        self
    }

    /// Sets the age of the stored model catalog.
    pub fn catalog_age(mut self, age: Duration) -> Self {
        self.catalog = InitialCatalog::Stored { age };
        self
    }

    /// Enables tokens of an identity provider.
    pub fn tokens(mut self, tokens: causerie_identity::Settings) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Sets the number of providers of each model of the upstream, 1 to 3.
    pub fn providers(mut self, providers: usize) -> Self {
        self.providers = providers;
        self
    }

    /// Starts the server without a stored model catalog.
    pub fn without_catalog(mut self) -> Self {
        self.catalog = InitialCatalog::Empty;
        self
    }

    /// Starts the upstream and the server, and creates two users and an admin.
    ///
    /// # Errors
    /// A part of the app does not start.
    pub async fn start(self) -> Result<TestApp> {
        // Without a provider, creating a client panics. The only error is that a provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = TempDir::with_prefix("causerie-app-")?;
        let tools = folder.path().join("tools");
        fs::create_dir(&tools)?;
        for (number, definition) in self.definitions.iter().enumerate() {
            fs::write(tools.join(format!("{number}.yaml")), definition)?;
        }
        let options = Options {
            api_key: Some(UPSTREAM_KEY.to_owned()),
            wait_timeout: TIMEOUT,
            providers: self.providers,
            ..Options::default()
        };
        let upstream = Simulator::start(options)?;
        if let InitialCatalog::Stored { age } = self.catalog {
            store_catalog(&self.database, &upstream, age).await?;
        }

        let mut settings = settings(&self.database, &upstream, &folder);
        settings.tokens = self.tokens;
        for change in self.setting_changes {
            change(&mut settings);
        }
        let server = Server::start(&settings).await?;
        // A response that hangs fails before the test runner ends the test. Only silence counts, not the whole stream.
        let http = reqwest::Client::builder()
            .no_gzip()
            .no_deflate()
            .no_proxy()
            .tls_certs_only([])
            .read_timeout(2 * TIMEOUT)
            .build()?;
        let client = async |name, role| -> Result<Client> {
            Ok(Client::new(http.clone(), server.address(), create_user(name, role, &self.database).await?))
        };
        let ada = client("ada", Role::User).await?;
        let bob = client("bob", Role::User).await?;
        let root = client("root", Role::Admin).await?;
        let upstream = Arc::new(upstream);
        Ok(TestApp { ada, bob, root, server, settings, upstream, database: self.database, _folder: folder })
    }
}

async fn store_catalog(database: &TestDatabase, upstream: &Simulator, age: Duration) -> Result<()> {
    let settings = causerie_openrouter::Settings {
        base_url: upstream.base_url().to_owned(),
        ..causerie_openrouter::Settings::default()
    };
    let models = OpenRouter::new(settings)?.models().await?.models;
    database.store().replace_catalog(models, SystemClock.now().before(age)).await?;
    Ok(())
}

/// Returns the default settings: long timeouts, because tests run on busy machines, and short intervals of
/// background work that tests wait for.
fn settings(database: &TestDatabase, upstream: &Simulator, folder: &TempDir) -> Settings {
    Settings {
        store: StoreSettings {
            data_dir: folder.path().join("data"),
            database: causerie_persistence::StoreSettings {
                url: Secret::new(database.url()),
                connections: 8,
                wait_timeout: TIMEOUT,
                statement_timeout: TIMEOUT,
                busy_timeout: TIMEOUT,
                readers: 2,
            },
        },
        upstream: UpstreamSettings {
            upstream: Upstream::Gateway {
                base_url: upstream.base_url().to_owned(),
                api_key: Some(Secret::new(UPSTREAM_KEY)),
            },
            default_model: "sim/echo".to_owned(),
            default_max_output_tokens: 4096,
            catalog_only: false,
            max_retries: 1,
            max_retry_wait: Duration::from_secs(5),
            timeouts: UpstreamTimeouts {
                connect: TIMEOUT,
                first_byte: TIMEOUT,
                idle: TIMEOUT,
                progress: TIMEOUT,
                total: 2 * TIMEOUT,
            },
            limits: UpstreamLimits::default(),
            max_event: 16 << 20,
            max_answer: 8 << 20,
            completions: CompletionSettings::default(),
            referer: None,
            title: None,
            proxy: None,
        },
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        http: HttpSettings {
            workers: 1,
            streams: StreamSettings { keep_alive: TIMEOUT, write_timeout: TIMEOUT },
            idle_timeout: TIMEOUT,
            access: AccessSettings {
                // Tests exceed the default rate limits.
                sends_per_minute: None,
                creations_per_minute: None,
                failures_per_minute: None,
                ..AccessSettings::default()
            },
            ..HttpSettings::default()
        },
        tokens: None,
        runtime: RuntimeSettings {
            tools_dir: Some(folder.path().join("tools")),
            allow_private_urls: false,
            drain: TIMEOUT,
            lease: Duration::from_secs(15),
            flush_interval: Duration::from_millis(50),
            flush_bytes: 16 << 10,
            lookups_per_minute: NonZeroU32::MAX,
            lookup_window: Duration::from_secs(24 * 60 * 60),
            // Pending costs stay pending except in the tests of reconciliation.
            reconcile_interval: Duration::from_secs(60 * 60),
            admin_reads_content: false,
        },
        // Unused: the tests of a process share one subscriber, and none is installed.
        log: LogSettings { filter: Default::default(), format: LogFormat::Auto },
    }
}
