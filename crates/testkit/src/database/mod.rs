//! A database for each test: a file in a folder of its own, or a database of a server, copied from a template.
//!
//! The server is the one that `CAUSERIE_TEST_POSTGRES_URL` names; its user must be allowed to make databases. Without
//! the variable the tests of PostgreSQL say that they did not run, and under `CI=true` they fail.

mod server;

use std::time::Duration;

use anyhow::{Context, Result};
use causerie_persistence::{SqlStore, StoreSettings};
use tempfile::TempDir;

/// A database that goes when this value goes.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    store: SqlStore,
    _place: Place,
}

/// Where the database is, which its drop removes.
#[derive(Debug)]
enum Place {
    Folder(#[expect(dead_code, reason = "dropping it removes the folder")] TempDir),
    Server(#[expect(dead_code, reason = "dropping it drops the database")] server::Database),
}

impl TestDatabase {
    /// A SQLite file with all migrations.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub async fn sqlite() -> Result<Self> {
        let database = Self::empty_sqlite()?;
        database.store.migrate().await?;
        Ok(database)
    }

    /// A SQLite file without tables.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub fn empty_sqlite() -> Result<Self> {
        let folder = TempDir::with_prefix("causerie-")?;
        let url = format!("sqlite://{}", folder.path().join("causerie.db").display());
        Self::at(url, Place::Folder(folder))
    }

    /// A PostgreSQL database with all migrations; none if no server is named.
    ///
    /// # Errors
    /// The server cannot be reached, or none is named under `CI=true`.
    pub async fn postgres() -> Result<Option<Self>> {
        let Some(database) = server::copy_of_template().await? else { return Ok(None) };
        Self::at(database.url(), Place::Server(database)).map(Some)
    }

    /// A PostgreSQL database without tables; none if no server is named.
    ///
    /// # Errors
    /// The server cannot be reached, or none is named under `CI=true`.
    pub async fn empty_postgres() -> Result<Option<Self>> {
        let Some(database) = server::empty().await? else { return Ok(None) };
        Self::at(database.url(), Place::Server(database)).map(Some)
    }

    /// The store on it.
    pub fn store(&self) -> &SqlStore {
        &self.store
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A further store on it, as another process would open it.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn reopen(&self) -> Result<SqlStore> {
        open(&self.url)
    }

    fn at(url: String, place: Place) -> Result<Self> {
        let store = open(&url)?;
        Ok(TestDatabase { url, store, _place: place })
    }
}

/// Tests share a server and run beside each other: few connections each, and patience.
fn open(url: &str) -> Result<SqlStore> {
    let settings = StoreSettings {
        connections: 8,
        wait_timeout: Duration::from_secs(60),
        busy_timeout: Duration::from_secs(60),
        readers: 2,
        ..StoreSettings::new(url)
    };
    SqlStore::open(&settings).with_context(|| "the test database cannot be opened")
}
