//! The store: implements the ports on one of two databases. Each port method is one transaction.

mod administration;
mod api_keys;
mod attachments;
mod audit_events;
mod authentication;
mod budgets;
mod forks;
mod groups;
mod health;
mod integrity;
mod memberships;
mod messages;
mod models;
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

use crate::backend::{Backend, postgres, sqlite};
use crate::lock::{LockError, ServeLock};
use crate::migrations::{self, Direction, MigrationError};
use crate::settings::{Address, OpenError, StoreSettings};

/// A store, cheap to clone. It implements every port that keeps something.
#[derive(Debug, Clone)]
pub struct SqlStore {
    backend: Arc<Backend>,
}

/// Which database a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// A file, served by one process.
    Sqlite,
    /// A server, shared by any number of instances.
    Postgres,
}

impl SqlStore {
    /// Opens a store. A SQLite file and its folder are made where they are missing; PostgreSQL is not connected to
    /// before the first step. The current tokio runtime drives the connections, so it must outlive the store.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open(settings: &StoreSettings) -> Result<Self, OpenError> {
        let backend = match Address::parse(settings.url.expose())? {
            Address::Sqlite(path) => Backend::Sqlite(sqlite::Engine::open(&path, settings)?),
            Address::Postgres(url) => Backend::Postgres(postgres::Engine::open(&url, settings)?),
        };
        Ok(SqlStore { backend: Arc::new(backend) })
    }

    /// Which database it is.
    pub fn database(&self) -> Database {
        match &*self.backend {
            Backend::Sqlite(_) => Database::Sqlite,
            Backend::Postgres(_) => Database::Postgres,
        }
    }

    /// The database's file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match &*self.backend {
            Backend::Sqlite(engine) => Some(engine.path()),
            Backend::Postgres(_) => None,
        }
    }

    /// Applies the migrations that are missing, and returns their versions. Instances may do so at the same time.
    ///
    /// # Errors
    /// [`MigrationError`], also where the database has migrations that this program does not know.
    pub async fn migrate(&self) -> Result<Vec<String>, MigrationError> {
        self.change(Direction::Up).await
    }

    /// Undoes all migrations, and with them everything that is stored. Returns their versions.
    ///
    /// # Errors
    /// [`MigrationError`]
    pub async fn revert(&self) -> Result<Vec<String>, MigrationError> {
        self.change(Direction::Down).await
    }

    /// Takes the right to serve: on SQLite for this process alone, on PostgreSQL beside others.
    ///
    /// # Errors
    /// [`LockError::Held`] where another process serves from the same file.
    pub fn lock_for_serving(&self) -> Result<ServeLock, LockError> {
        match &*self.backend {
            Backend::Sqlite(engine) => ServeLock::exclusive(engine.path()),
            Backend::Postgres(_) => Ok(ServeLock::shared()),
        }
    }

    /// Waits for the steps that run and closes the connections. Later steps fail.
    pub async fn close(&self) {
        match &*self.backend {
            Backend::Sqlite(engine) => engine.close().await,
            Backend::Postgres(engine) => engine.close().await,
        }
    }

    /// Fails when no step could be run at all.
    pub(crate) fn check_engine(&self) -> Result<(), StoreError> {
        match &*self.backend {
            Backend::Sqlite(engine) => engine.check(),
            Backend::Postgres(_) => Ok(()),
        }
    }

    async fn change(&self, direction: Direction) -> Result<Vec<String>, MigrationError> {
        match &*self.backend {
            Backend::Sqlite(engine) => migrations::migrate_sqlite(engine.path(), direction).await,
            Backend::Postgres(engine) => migrations::migrate_postgres(engine.url(), direction).await,
        }
    }
}

/// Runs a step of the queries on whichever database the store is: `transact!(self, Write, turns::begin(input))`.
macro_rules! transact {
    ($store:expr, $mode:ident, $module:ident::$statements:ident($input:expr)) => {{
        use futures_util::FutureExt;
        use $crate::backend::transaction::{Mode, step};

        let answer = match &*$store.backend {
            $crate::backend::Backend::Sqlite(engine) => {
                let step = step($input, |conn, input| {
                    async move {
                        let done = $crate::backend::sqlite::queries::$module::$statements(conn, &input).await;
                        $crate::store::fail_point!(done, $module::$statements, "before");
                        done
                    }
                    .boxed()
                });
                engine.run(Mode::$mode, step).await
            }
            $crate::backend::Backend::Postgres(engine) => {
                let step = step($input, |conn, input| {
                    async move {
                        let done =
                            $crate::backend::postgres::queries::$module::$statements(conn, &input).await;
                        $crate::store::fail_point!(done, $module::$statements, "before");
                        done
                    }
                    .boxed()
                });
                engine.run(Mode::$mode, step).await
            }
        };
        $crate::store::fail_point!(answer, $module::$statements, "after");
        answer
    }};
}
pub(crate) use transact;

/// The moment before or after the commit of a step that succeeded. Nothing at all without the feature.
macro_rules! fail_point {
    ($done:expr, $module:ident::$statements:ident, $moment:literal) => {
        #[cfg(feature = "fail-points")]
        if $done.is_ok() {
            $crate::fail_point::reach(concat!(stringify!($module), "::", stringify!($statements)), $moment);
        }
    };
}
pub(crate) use fail_point;
