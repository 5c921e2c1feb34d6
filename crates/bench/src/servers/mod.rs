//! The measured servers: the reference proxies, and `causerie` on each database.

mod causerie;
mod copies;
mod postgres;
mod relay;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

pub(crate) use self::causerie::SETTINGS;
pub(crate) use self::copies::Copies;
pub(crate) use self::postgres::Postgres;
use self::postgres::PostgresDatabase;
use crate::load::{Route, Target};
use crate::process::{Process, usage};

/// A measured server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServerKind {
    Reference,
    StoringReference,
    Sqlite,
    Postgres,
}

impl ServerKind {
    /// Returns whether it is `causerie`, and not a reference.
    pub(crate) fn is_causerie(self) -> bool {
        matches!(self, ServerKind::Sqlite | ServerKind::Postgres)
    }
}

impl fmt::Display for ServerKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ServerKind::Reference => "H",
            ServerKind::StoringReference => "H, storing",
            ServerKind::Sqlite => "causerie, SQLite",
            ServerKind::Postgres => "causerie, PostgreSQL",
        })
    }
}

/// What servers are started with.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Program and arguments that run `causerie`, such as those of an emulator.
    pub(crate) prefix: Vec<String>,
    /// Settings beside those of every run.
    pub(crate) settings: Vec<(&'static str, &'static str)>,
    /// The program `causerie`.
    pub(crate) program: PathBuf,
    /// Folder of the databases, on a real disk.
    pub(crate) folder: PathBuf,
    pub(crate) postgres: Option<Postgres>,
    /// Core of the servers.
    pub(crate) core: usize,
}

/// A running server with a database of its own. Dropping it stops the server and deletes the database.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    pub(crate) target: Target,
    postgres: Option<Arc<PostgresDatabase>>,
    // Deleted after the process has ended.
    folder: TempDir,
}

/// A user of `causerie` without special rights.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) key: String,
}

/// CPU time of a server in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CpuTime {
    pub(crate) own: u64,
    /// Of the processes of the database.
    pub(crate) database: u64,
}

impl Server {
    /// Starts a server that uses an upstream. With `delay`, a relay counts the round trips to PostgreSQL and delays each.
    pub(crate) fn start(
        kind: ServerKind,
        setup: &Setup,
        upstream: SocketAddr,
        delay: Option<Duration>,
    ) -> Result<Self> {
        let folder = folder(setup)?;
        match kind {
            ServerKind::Reference => Self::reference(folder, setup, upstream, false),
            ServerKind::StoringReference => Self::reference(folder, setup, upstream, true),
            ServerKind::Sqlite => causerie::start(folder, setup, upstream, None, None),
            ServerKind::Postgres => {
                let postgres = setup.postgres.as_ref().context("no PostgreSQL server is configured")?;
                let database = Arc::new(postgres.create_database(delay)?);
                causerie::start(folder, setup, upstream, Some(database), None)
            }
        }
    }

    /// Starts another instance of `causerie` on the same database of PostgreSQL.
    pub(crate) fn beside(&self, setup: &Setup, upstream: SocketAddr) -> Result<Self> {
        let database = self.postgres.clone().context("only PostgreSQL has several instances")?;
        causerie::start(folder(setup)?, setup, upstream, Some(database), self.target.key.clone())
    }

    /// Returns the number of round trips through the relay so far; `None` without a relay.
    pub(crate) fn trips(&self) -> Option<u64> {
        self.postgres.as_ref()?.trips()
    }

    fn reference(folder: TempDir, setup: &Setup, upstream: SocketAddr, is_storing: bool) -> Result<Self> {
        let upstream = upstream.to_string();
        let database = folder.path().join("reference.db").display().to_string();
        let mut arguments = vec!["reference", &upstream];
        if is_storing {
            arguments.extend(["--database", &database]);
        }
        let mut process = Process::start_self(&arguments, setup.core)?;
        let address = process.read_address()?;
        let target = Target { address, route: Route::Completions, key: None };
        Ok(Server { process, target, postgres: None, folder })
    }

    /// Returns the CPU time since the start.
    pub(crate) fn cpu(&self) -> Result<CpuTime> {
        let database = self.postgres.as_ref().map_or(Ok(0), |database| database.cpu_us())?;
        Ok(CpuTime { own: usage::cpu_us(self.process.id())?, database })
    }

    /// Returns the resident memory in KiB, without that of a database server.
    pub(crate) fn resident_kib(&self) -> Result<u64> {
        usage::resident_kib(self.process.id())
    }

    /// Returns the last lines of the log of `causerie`.
    pub(crate) fn log(&self) -> String {
        causerie::log(self.folder.path())
    }

    /// Stops the server with SIGTERM and waits for its end.
    pub(crate) fn stop(self) -> Result<()> {
        self.process.stop()
    }

    /// Creates a user without special rights.
    pub(crate) fn create_user(&self, setup: &Setup) -> Result<User> {
        causerie::create_user(self, setup)
    }

    /// Stops `causerie`, appends copies of all stored rows, and starts it again.
    pub(crate) fn restart_with(self, copies: Copies, setup: &Setup, upstream: SocketAddr) -> Result<Self> {
        let Server { process, postgres, folder, .. } = self;
        process.stop().context("causerie did not stop")?;
        match &postgres {
            Some(database) => database.append(copies)?,
            None => copies::append_to_sqlite(&causerie::sqlite_file(folder.path()), copies)?,
        }
        causerie::start(folder, setup, upstream, postgres, None)
    }
}

/// Creates a folder for a server, which is deleted when it is dropped.
fn folder(setup: &Setup) -> Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("causerie-bench-").tempdir_in(&setup.folder)?)
}

/// Returns whether the file system of a folder keeps its files in memory, where a commit costs nothing.
pub(crate) fn is_in_memory(folder: &Path) -> Result<bool> {
    const TMPFS: u64 = 0x0102_1994;
    let kind = rustix::fs::statfs(folder)?.f_type;
    Ok(u64::try_from(kind).is_ok_and(|kind| kind == TMPFS))
}
