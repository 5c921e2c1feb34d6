//! Database for each test: a SQLite file in a temporary folder, or a PostgreSQL database that is copied from a
//! template.
//!
//! `CAUSERIE_TEST_POSTGRES_URL` is the address of the PostgreSQL server; its user needs the right to create databases.
//! Without the variable the tests on PostgreSQL print that they did not run, and fail if `CI=true` is set.

mod raw;
mod server;

use std::time::Duration;

use anyhow::{Context, Result};
use causerie_persistence::{SqlStore, StoreSettings};
use tempfile::TempDir;

pub use raw::{RawConnection, is_sqlite, uuid_literal};

/// Database that is deleted when the value is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    store: SqlStore,
    _location: Location,
}

/// Location of the database. Dropping it deletes the database.
#[derive(Debug)]
enum Location {
    Folder(#[expect(dead_code, reason = "dropping it removes the folder")] TempDir),
    Server(#[expect(dead_code, reason = "dropping it drops the database")] server::Database),
}

impl TestDatabase {
    /// Creates a SQLite database with all migrations.
    ///
    /// # Errors
    /// The folder or the file cannot be created.
    pub async fn sqlite() -> Result<Self> {
        let database = Self::empty_sqlite()?;
        database.store.migrate().await?;
        Ok(database)
    }

    /// Creates a SQLite database without tables.
    ///
    /// # Errors
    /// The folder or the file cannot be created.
    pub fn empty_sqlite() -> Result<Self> {
        let folder = TempDir::with_prefix("causerie-")?;
        let url = format!("sqlite://{}", folder.path().join("causerie.db").display());
        Self::at(url, Location::Folder(folder))
    }

    /// Creates a PostgreSQL database with all migrations; `None` if no server is configured.
    ///
    /// # Errors
    /// The server cannot be reached, or no server is configured and `CI=true` is set.
    pub async fn postgres() -> Result<Option<Self>> {
        let Some(database) = server::copy_of_template().await? else { return Ok(None) };
        Self::at(database.url(), Location::Server(database)).map(Some)
    }

    /// Creates a PostgreSQL database without tables; `None` if no server is configured.
    ///
    /// # Errors
    /// The server cannot be reached, or no server is configured and `CI=true` is set.
    pub async fn empty_postgres() -> Result<Option<Self>> {
        let Some(database) = server::empty().await? else { return Ok(None) };
        Self::at(database.url(), Location::Server(database)).map(Some)
    }

    pub fn store(&self) -> &SqlStore {
        &self.store
    }

    /// Returns the address of the database, as in `DATABASE_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens another store on the database, as another process does.
    ///
    /// # Errors
    /// The store cannot be opened.
    pub fn reopen(&self) -> Result<SqlStore> {
        open(&self.url)
    }

    fn at(url: String, location: Location) -> Result<Self> {
        let store = open(&url)?;
        Ok(TestDatabase { url, store, _location: location })
    }
}

/// Opens a store with few connections and long timeouts, because many tests share a server.
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
