//! Running server with a database, an upstream and HTTP clients of its own, for one test.
//!
//! The server listens on a free port; the upstream is a simulator that records its requests. The macro
//! [`crate::on_both_databases`] creates each test once for SQLite and once for PostgreSQL.

mod builder;
mod chat;
mod client;
pub mod context_costs;
mod event_stream;
mod outage;
pub mod quote_accuracy;
mod transcript;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use causerie_domain::ports::{Clock as _, NewApiKey, NewUser, Operator as _};
use causerie_domain::users::Role;
use causerie_domain::{ApiKeyId, Secret, UserId};
use causerie_http::auth::KeyMaterial;
use causerie_runtime::{SystemClock, SystemIds};
use causerie_server::Server;
use causerie_server::settings::Settings;
use causerie_simulator::Simulator;
use rand::TryRng as _;
use rand::rngs::SysRng;
use tempfile::TempDir;

use crate::database::TestDatabase;

pub use builder::TestAppBuilder;
pub use chat::Chat;
pub use client::{Client, Reply};
pub use event_stream::EventStream;
pub use outage::{Outage, OutageReport, TurnResults};
pub use transcript::{Frame, Transcript, format_usage};

/// Server with its database, its upstream and clients of three users.
#[derive(Debug)]
pub struct TestApp {
    /// Client of a user.
    pub ada: Client,
    /// Client of another user.
    pub bob: Client,
    /// Client of an admin.
    pub root: Client,
    server: Server,
    settings: Settings,
    upstream: Arc<Simulator>,
    database: TestDatabase,
    _folder: TempDir,
}

/// Another server on the same database.
#[derive(Debug)]
pub struct Instance {
    /// Client of the first user at this server.
    pub ada: Client,
    server: Server,
}

impl TestApp {
    /// Returns a builder of an app on SQLite.
    ///
    /// # Errors
    /// The file cannot be created.
    pub async fn on_sqlite() -> Result<TestAppBuilder> {
        Ok(TestAppBuilder::new(TestDatabase::sqlite().await?))
    }

    /// Returns a builder of an app on PostgreSQL; `None` if no server is configured.
    ///
    /// # Errors
    /// As [`TestDatabase::postgres`].
    pub async fn on_postgres() -> Result<Option<TestAppBuilder>> {
        Ok(TestDatabase::postgres().await?.map(TestAppBuilder::new))
    }

    /// Returns the simulated upstream, which counts requests, holds responses at gates and fails on demand.
    pub fn upstream(&self) -> &Arc<Simulator> {
        &self.upstream
    }

    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// Returns a client without a credential.
    pub fn anonymous(&self) -> Client {
        self.ada.without_key()
    }

    /// Writes a tool definition and reloads the definitions, as SIGHUP does.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn reload_with(&self, file: &str, yaml: &str) -> Result<()> {
        let tools = self.settings.runtime.tools_dir.as_ref().context("no folder of tools is set")?;
        std::fs::write(tools.join(file), yaml)?;
        self.server.reload_tools().await;
        Ok(())
    }

    /// Starts another server on the same database.
    ///
    /// # Errors
    /// The server does not start; on SQLite it never does.
    pub async fn start_instance(&self) -> Result<Instance> {
        let server = Server::start(&self.settings).await?;
        Ok(Instance { ada: self.ada.with_server(server.address()), server })
    }

    /// Stops the server as a signal does, and starts another one on the same database.
    ///
    /// # Errors
    /// The server does not start.
    pub async fn restart(mut self) -> Result<Self> {
        self.server.stop().await;
        self.server = Server::start(&self.settings).await?;
        let address = self.server.address();
        for client in [&mut self.ada, &mut self.bob, &mut self.root] {
            *client = client.with_server(address);
        }
        Ok(self)
    }

    /// Stops the server as a signal does.
    ///
    /// # Errors
    /// An upstream request is still open, so a turn leaks its connection.
    pub async fn stop(self) -> Result<()> {
        self.server.stop().await;
        self.upstream.wait_until_idle().await.context("an upstream request is still open")
    }
}

impl Instance {
    /// Stops the server as a signal does.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// Creates a user with an API key and returns the key.
async fn create_user(name: &str, role: Role, database: &TestDatabase) -> Result<Secret> {
    let key = KeyMaterial::generate(|bytes| SysRng.try_fill_bytes(bytes))?;
    let (id, now) = (UserId::next(&SystemIds), SystemClock.now());
    let user =
        NewUser { id, email: format!("{name}@example.org"), name: name.to_owned(), role, created_at: now };
    let new_key = NewApiKey {
        id: ApiKeyId::next(&SystemIds),
        public_id: key.public_id.clone(),
        secret_hash: key.secret_hash(),
        user_id: id,
        group_id: None,
        name: "test".to_owned(),
        scopes: Vec::new(),
        created_at: now,
        expires_at: None,
    };
    database.store().create_user(user).await?;
    database.store().create_key(new_key).await?;
    Ok(key.credential())
}

/// Creates one test on SQLite and one on PostgreSQL for each function
/// `async fn(TestAppBuilder) -> anyhow::Result<()>`.
#[macro_export]
macro_rules! on_both_databases {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() -> $crate::anyhow::Result<()> {
                    super::$test($crate::app::TestApp::on_sqlite().await?).await
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() -> $crate::anyhow::Result<()> {
                    match $crate::app::TestApp::on_postgres().await? {
                        Some(app) => super::$test(app).await,
                        None => Ok(()),
                    }
                }
            )+
        }
    };
}
