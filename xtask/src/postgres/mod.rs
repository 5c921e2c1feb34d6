//! The PostgreSQL server for tests: the configured one, otherwise a private one, otherwise none.

mod cluster;
mod programs;

use std::process::Command;

pub(crate) use self::cluster::Purpose;

use self::cluster::Cluster;
use crate::options::{Options, POSTGRES_URL};
use anyhow::Result;

/// The message for runs without a server.
pub(crate) const NOT_RUN: &str = "NOTHING RAN ON POSTGRESQL: neither CAUSERIE_TEST_POSTGRES_URL nor installed server \
                                  binaries (Debian: apt-get install postgresql)";

/// The PostgreSQL server of a run.
#[derive(Debug)]
pub(crate) enum Database {
    /// The server at a URL from the options.
    Configured(String),
    /// A server in a temporary folder, which is stopped when this is dropped.
    Private(Cluster),
    /// No URL is configured and no server is installed.
    Absent,
}

/// Returns the configured server or starts a private one for tests.
///
/// # Errors
/// PostgreSQL is installed but its server does not start.
pub(crate) fn provide(options: &Options) -> Result<Database> {
    provide_for(Purpose::Tests, options)
}

/// Returns the configured server or starts a private one.
///
/// # Errors
/// PostgreSQL is installed but its server does not start.
pub(crate) fn provide_for(purpose: Purpose, options: &Options) -> Result<Database> {
    if let Some(url) = options.postgres_url.as_ref().filter(|url| !url.is_empty()) {
        return Ok(Database::Configured(url.clone()));
    }
    Ok(match programs::find() {
        Some(folder) => Database::Private(Cluster::start(&folder, purpose)?),
        None => Database::Absent,
    })
}

impl Database {
    /// Sets the URL of the server in the environment of a command.
    pub(crate) fn configure(&self, command: &mut Command) {
        match self {
            Database::Configured(url) => command.env(POSTGRES_URL, url),
            Database::Private(cluster) => command.env(POSTGRES_URL, cluster.url()),
            Database::Absent => command.env_remove(POSTGRES_URL),
        };
    }
}
