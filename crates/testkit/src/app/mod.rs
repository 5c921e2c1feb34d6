//! A whole running server for each test: its own database, its own upstream, clients that speak HTTP to it.
//!
//! The server is the real one on a port of its own; the upstream is a simulator that remembers what it was asked. The
//! macro [`crate::on_both_databases`] stamps each test once for SQLite and once for PostgreSQL.

mod builder;
mod chat;
mod client;
mod event_stream;
mod storm;
mod transcript;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use causerie_domain::ports::{Administration as _, Clock as _, NewApiKey, NewUser};
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
pub use storm::{Aftermath, Ends, Storm};
pub use transcript::{Frame, Transcript, usage_in_words};

/// Everything from a request to the database and the upstream, for one test alone.
#[derive(Debug)]
pub struct TestApp {
    /// A user.
    pub ada: Client,
    /// Another user.
    pub bob: Client,
    /// An admin of the installation.
    pub root: Client,
    server: Server,
    settings: Settings,
    upstream: Arc<Simulator>,
    database: TestDatabase,
    _folder: TempDir,
}

/// A further server on the same database.
#[derive(Debug)]
pub struct Instance {
    /// The first user, as a client of this server.
    pub ada: Client,
    server: Server,
}

impl TestApp {
    /// An app on a SQLite file.
    ///
    /// # Errors
    /// The file cannot be made.
    pub async fn on_sqlite() -> Result<TestAppBuilder> {
        Ok(TestAppBuilder::new(TestDatabase::sqlite().await?))
    }

    /// An app on a PostgreSQL database; none if no server is named.
    ///
    /// # Errors
    /// As [`TestDatabase::postgres`].
    pub async fn on_postgres() -> Result<Option<TestAppBuilder>> {
        Ok(TestDatabase::postgres().await?.map(TestAppBuilder::new))
    }

    /// Who stands for the upstream: it counts requests, holds answers at gates and fails on demand.
    pub fn upstream(&self) -> &Arc<Simulator> {
        &self.upstream
    }

    /// The database, for what no route tells.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// A client that shows no credential.
    pub fn nobody(&self) -> Client {
        self.ada.without_key()
    }

    /// Writes a file of tool definitions and has the server read them again, as SIGHUP does.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn reload_with(&self, file: &str, yaml: &str) -> Result<()> {
        let tools = self.settings.runtime.tools_dir.as_ref().context("the tools have a folder")?;
        std::fs::write(tools.join(file), yaml)?;
        self.server.reload_tools().await;
        Ok(())
    }

    /// Starts a further server on the same database.
    ///
    /// # Errors
    /// It is refused, as on SQLite it must be.
    pub async fn beside(&self) -> Result<Instance> {
        let server = Server::start(&self.settings).await?;
        Ok(Instance { ada: self.ada.at(server.address()), server })
    }

    /// Stops the server as a signal does, and starts another one on the same database.
    ///
    /// # Errors
    /// It does not start.
    pub async fn restart(mut self) -> Result<Self> {
        self.server.stop().await;
        self.server = Server::start(&self.settings).await?;
        let address = self.server.address();
        for client in [&mut self.ada, &mut self.bob, &mut self.root] {
            *client = client.at(address);
        }
        Ok(self)
    }

    /// Stops the server as a signal does.
    ///
    /// # Errors
    /// An answer of the upstream is still being waited for: a turn has left its connection behind.
    pub async fn stop(self) -> Result<()> {
        self.server.stop().await;
        self.upstream.wait_until_idle().await.context("the server left a request behind")
    }
}

impl Instance {
    /// Stops the server as a signal does.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// Makes a user, and gives a key of theirs.
async fn user(name: &str, role: Role, database: &TestDatabase) -> Result<Secret> {
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

/// Stamps each of these tests twice, on SQLite and on PostgreSQL. A test is an
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
