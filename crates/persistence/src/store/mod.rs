//! The store: implements the ports on one of two databases. Each port method is one transaction.

mod api_keys;
mod attachments;
mod audit_events;
mod authentication;
mod budgets;
mod completions;
mod forks;
mod groups;
mod health;
mod integrity;
mod memberships;
mod messages;
mod models;
mod operator;
mod reconciliation;
mod rules;
mod sessions;
mod stream_tickets;
mod tools;
mod turns;
mod usage;
mod users;

use std::path::Path;
use std::sync::Arc;

use causerie_domain::ports::StoreError;

use self::health::WriteProbe;
use crate::address::Address;
use crate::backend::{Backend, postgres, sqlite};
use crate::lock::{LockError, ServeLock};
use crate::migrations::{self, Direction, MigrationError};
use crate::settings::{OpenError, StoreSettings};

/// A store. It implements the storage ports, and is cheap to clone.
#[derive(Debug, Clone)]
pub struct SqlStore {
    backend: Arc<Backend>,
    probe: Arc<WriteProbe>,
}

/// The database of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// A SQLite file, served by one process.
    Sqlite,
    /// A PostgreSQL server, shared by any number of instances.
    Postgres,
}

impl SqlStore {
    /// Opens a store. A SQLite file and its folder are created if they are missing; the first transaction connects to
    /// PostgreSQL. The current tokio runtime drives the connections, so it must outlive the store.
    ///
    /// # Errors
    /// The URL or a setting is invalid, or the file cannot be opened.
    pub fn open(settings: &StoreSettings) -> Result<Self, OpenError> {
        let backend = match Address::parse(settings.url.expose())? {
            Address::Sqlite(path) => Backend::Sqlite(sqlite::Engine::open(&path, settings)?),
            Address::Postgres(address) => Backend::Postgres(postgres::Engine::open(*address, settings)?),
        };
        Ok(SqlStore { backend: Arc::new(backend), probe: Arc::default() })
    }

    /// Returns the kind of database of the store.
    pub fn database(&self) -> Database {
        match &*self.backend {
            Backend::Sqlite(_) => Database::Sqlite,
            Backend::Postgres(_) => Database::Postgres,
        }
    }

    /// Returns the path of the database file; `None` on PostgreSQL.
    pub fn path(&self) -> Option<&Path> {
        match &*self.backend {
            Backend::Sqlite(engine) => Some(engine.path()),
            Backend::Postgres(_) => None,
        }
    }

    /// Applies the pending migrations and returns their versions. Several instances may do so at the same time.
    ///
    /// # Errors
    /// A migration fails, or the database has migrations that this program does not know.
    pub async fn migrate(&self) -> Result<Vec<String>, MigrationError> {
        self.change(Direction::Up).await
    }

    /// Reverts all migrations, which deletes all data. Returns their versions.
    ///
    /// # Errors
    /// A migration fails, or the database has migrations that this program does not know.
    pub async fn revert(&self) -> Result<Vec<String>, MigrationError> {
        self.change(Direction::Down).await
    }

    /// Takes the right to serve: exclusive on SQLite, shared on PostgreSQL.
    ///
    /// # Errors
    /// [`LockError::Held`] if another process serves from the same file.
    pub fn lock_for_serving(&self) -> Result<ServeLock, LockError> {
        match &*self.backend {
            Backend::Sqlite(engine) => ServeLock::exclusive(engine.path(), engine.is_new()),
            Backend::Postgres(_) => Ok(ServeLock::shared()),
        }
    }

    /// Refuses the calls that wait for their turn, except for writes of running turns, so that a shutdown does not wait for a
    /// crowd. Later calls wait for [`StoreSettings::wait_timeout`] at most.
    pub fn end_long_waits(&self) {
        match &*self.backend {
            Backend::Sqlite(engine) => engine.end_long_waits(),
            Backend::Postgres(engine) => engine.end_long_waits(),
        }
    }

    /// Waits for running transactions and closes the connections. Later calls fail.
    pub async fn close(&self) {
        match &*self.backend {
            Backend::Sqlite(engine) => engine.close().await,
            Backend::Postgres(engine) => engine.close().await,
        }
    }

    /// Fails if no transaction can run.
    pub(crate) fn check_backend(&self) -> Result<(), StoreError> {
        match &*self.backend {
            Backend::Sqlite(engine) => engine.check(),
            Backend::Postgres(_) => Ok(()),
        }
    }

    /// Fails if no file can be created in the folder of a SQLite file.
    pub(crate) async fn check_folder(&self) -> Result<(), StoreError> {
        match &*self.backend {
            Backend::Sqlite(engine) => engine.check_folder().await,
            Backend::Postgres(_) => Ok(()),
        }
    }

    async fn change(&self, direction: Direction) -> Result<Vec<String>, MigrationError> {
        match &*self.backend {
            Backend::Sqlite(engine) => migrations::migrate_sqlite(engine.path(), direction).await,
            Backend::Postgres(engine) => migrations::migrate_postgres(engine.connector(), direction).await,
        }
    }
}

/// Runs a query function as one transaction on the store's database: `transact!(self, Write, turns::begin(input))`.
macro_rules! transact {
    ($store:expr, $mode:ident, $module:ident::$statements:ident($input:expr)) => {{
        use futures_util::FutureExt;
        use $crate::backend::transaction::{Mode, transaction};

        let answer = match &*$store.backend {
            $crate::backend::Backend::Sqlite(engine) => {
                let transaction = transaction($input, |conn, input| {
                    async move {
                        let done = $crate::backend::sqlite::queries::$module::$statements(conn, &input).await;
                        $crate::store::fail_point!(done, $module::$statements, "before");
                        done
                    }
                    .boxed()
                });
                engine.run(Mode::$mode, transaction).await
            }
            $crate::backend::Backend::Postgres(engine) => {
                let transaction = transaction($input, |conn, input| {
                    async move {
                        let done =
                            $crate::backend::postgres::queries::$module::$statements(conn, &input).await;
                        $crate::store::fail_point!(done, $module::$statements, "before");
                        done
                    }
                    .boxed()
                });
                engine.run(Mode::$mode, transaction).await
            }
        };
        $crate::store::fail_point!(answer, $module::$statements, "after");
        answer
    }};
}
pub(crate) use transact;

/// A fail point before or after the commit of a successful transaction. Without the feature it expands to nothing.
macro_rules! fail_point {
    ($done:expr, $module:ident::$statements:ident, $moment:literal) => {
        #[cfg(feature = "fail-points")]
        if $done.is_ok() {
            $crate::fail_point::reach(concat!(stringify!($module), "::", stringify!($statements)), $moment);
        }
    };
}
pub(crate) use fail_point;
