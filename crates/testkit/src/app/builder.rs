//! What a test wants its app to be like.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use causerie_domain::Secret;
use causerie_domain::ports::{Clock as _, CompletionGateway as _, Models as _};
use causerie_domain::users::Role;
use causerie_http::AccessSettings;
use causerie_openrouter::{OpenRouter, UpstreamLimits};
use causerie_runtime::SystemClock;
use causerie_server::Server;
use causerie_server::settings::{
    HttpSettings, LogFormat, LogSettings, RuntimeSettings, Settings, StoreSettings, Upstream,
    UpstreamSettings, UpstreamTimeouts,
};
use causerie_simulator::{Options, Simulator};
use tempfile::TempDir;

use super::{Client, TestApp, user};
use crate::database::TestDatabase;

/// The key that the upstream demands, so that every test also shows that it is sent.
const UPSTREAM_KEY: &str = "sk-or-v1-of-the-test";
/// Whatever takes longer than this will not happen any more.
const PATIENCE: Duration = Duration::from_secs(30);

/// An app that is not started yet.
#[derive(Debug)]
pub struct TestAppBuilder {
    database: TestDatabase,
    definitions: Vec<String>,
    tune: Vec<fn(&mut Settings)>,
    catalog: Catalog,
    tokens: Option<causerie_identity::Settings>,
}

/// Whether the store knows the models when the server starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Catalog {
    /// As in a later start: prices and sizes are known from the first request on, as they were so long ago.
    Known(Duration),
    /// As in the very first start: the server reads them, and serves meanwhile.
    Unread,
}

impl TestAppBuilder {
    pub(super) fn new(database: TestDatabase) -> Self {
        let (definitions, tune) = (Vec::new(), Vec::new());
        TestAppBuilder { database, definitions, tune, catalog: Catalog::Known(Duration::ZERO), tokens: None }
    }

    /// Adds a tool whose model picks the upstream's behaviour.
    pub fn tool(self, name: &str, model: &str) -> Self {
        self.definition(&format!(
            "name: {name}\nversion: 1.0.0\ntype: chat\ntitle: {name}\nbehavior: Be kind.\nmodel: \"{model}\"\n"
        ))
    }

    /// Adds a tool as its author writes it.
    pub fn definition(mut self, yaml: &str) -> Self {
        self.definitions.push(yaml.to_owned());
        self
    }

    /// Changes the settings that the server is started with.
    pub fn settings(mut self, tune: fn(&mut Settings)) -> Self {
        self.tune.push(tune);
        self
    }

    /// Has the catalogue of models read so long before the server starts.
    pub fn catalog_of(mut self, ago: Duration) -> Self {
        self.catalog = Catalog::Known(ago);
        self
    }

    /// Has the server accept the tokens of an identity provider.
    pub fn tokens(mut self, tokens: causerie_identity::Settings) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Leaves it to the server to read the catalogue of models.
    pub fn without_catalog(mut self) -> Self {
        self.catalog = Catalog::Unread;
        self
    }

    /// Starts the upstream, the server, and clients of two users and an admin.
    ///
    /// # Errors
    /// Whatever stands in the way.
    pub async fn start(self) -> Result<TestApp> {
        // A client that is made without a provider panics. The one error is that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = TempDir::with_prefix("causerie-app-")?;
        let tools = folder.path().join("tools");
        fs::create_dir(&tools)?;
        for (number, definition) in self.definitions.iter().enumerate() {
            fs::write(tools.join(format!("{number}.yaml")), definition)?;
        }
        let options =
            Options { api_key: Some(UPSTREAM_KEY.to_owned()), wait_timeout: PATIENCE, ..Options::default() };
        let upstream = Simulator::start(options)?;
        if let Catalog::Known(ago) = self.catalog {
            read_catalog(&self.database, &upstream, ago).await?;
        }

        let mut settings = settings(&self.database, &upstream, &folder);
        settings.tokens = self.tokens;
        for tune in self.tune {
            tune(&mut settings);
        }
        let server = Server::start(&settings).await?;
        // A request that hangs fails its test by name rather than by the runner's patience.
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(2 * PATIENCE).build()?;
        let client = async |name, role| -> Result<Client> {
            Ok(Client::new(http.clone(), server.address(), user(name, role, &self.database).await?))
        };
        let ada = client("ada", Role::User).await?;
        let bob = client("bob", Role::User).await?;
        let root = client("root", Role::Admin).await?;
        let upstream = Arc::new(upstream);
        Ok(TestApp { ada, bob, root, server, settings, upstream, database: self.database, _folder: folder })
    }
}

async fn read_catalog(database: &TestDatabase, upstream: &Simulator, ago: Duration) -> Result<()> {
    let settings = causerie_openrouter::Settings {
        base_url: upstream.base_url().to_owned(),
        ..causerie_openrouter::Settings::default()
    };
    let models = OpenRouter::new(settings)?.models().await?;
    database.store().replace_catalog(models, SystemClock.now().before(ago)).await?;
    Ok(())
}

/// Patient where a busy machine would otherwise decide a test, quick where a test waits for it.
fn settings(database: &TestDatabase, upstream: &Simulator, folder: &TempDir) -> Settings {
    Settings {
        store: StoreSettings {
            data_dir: folder.path().join("data"),
            database_url: Secret::new(database.url()),
            connections: 8,
            wait: PATIENCE,
            statement: PATIENCE,
            readers: 2,
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
                connect: PATIENCE,
                first_byte: PATIENCE,
                idle: PATIENCE,
                progress: PATIENCE,
                total: 2 * PATIENCE,
            },
            limits: UpstreamLimits::default(),
            max_event: 16 << 20,
            referer: None,
            title: None,
            proxy: None,
        },
        http: HttpSettings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            workers: Some(1),
            body_limit: 1 << 20,
            keep_alive: PATIENCE,
            write_timeout: PATIENCE,
            idle_connection: PATIENCE,
        },
        access: AccessSettings {
            // Tests send as fast as they can, and fail to authenticate on purpose.
            sends_per_minute: None,
            failures_per_minute: None,
            ..AccessSettings::default()
        },
        tokens: None,
        runtime: RuntimeSettings {
            tools_dir: Some(folder.path().join("tools")),
            allow_private_urls: false,
            drain: PATIENCE,
            lease: Duration::from_secs(15),
            flush_interval: Duration::from_millis(50),
            flush_bytes: 16 << 10,
            lookups_per_minute: NonZeroU32::MAX,
            lookup_window: Duration::from_secs(24 * 60 * 60),
            // What is pending stays so, unless a test is about its end.
            reconcile_interval: Duration::from_secs(60 * 60),
            admin_reads_content: false,
        },
        // Nobody installs it: the tests of a process share one subscriber, which is none.
        log: LogSettings { filter: Default::default(), format: LogFormat::Auto },
    }
}
