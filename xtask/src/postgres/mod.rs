//! The PostgreSQL server that tests run on: a given one, else a private one, else none.

mod cluster;
mod programs;

use std::process::Command;

use anyhow::Result;
use clap::builder::FalseyValueParser;

use self::cluster::Cluster;

/// The only thing that tests know of all this.
const URL_VARIABLE: &str = "CAUSERIE_TEST_POSTGRES_URL";

/// What is said where there is no server.
pub(crate) const NOT_RUN: &str = "NOTHING RAN ON POSTGRESQL: neither CAUSERIE_TEST_POSTGRES_URL nor installed server \
                                  binaries (Debian: apt-get install postgresql)";

/// Which server to use.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// URL of a PostgreSQL server on which databases may be created, instead of a private one.
    #[arg(long, global = true, env = URL_VARIABLE, hide_env_values = true, value_name = "URL")]
    postgres_url: Option<String>,
    /// A missing PostgreSQL is a failure, not a remark.
    #[arg(long, global = true, env = "CI", value_parser = FalseyValueParser::new())]
    pub(crate) ci: bool,
}

/// The server that there is.
#[derive(Debug)]
pub(crate) enum Database {
    /// Somebody gave its URL.
    Given(String),
    /// Ours; it ends when this is dropped.
    Private(Cluster),
    /// None.
    Absent,
}

/// Finds a server or starts one.
///
/// # Errors
/// Server binaries are installed but no server could be started with them.
pub(crate) fn provide(options: &Options) -> Result<Database> {
    if let Some(url) = options.postgres_url.as_ref().filter(|url| !url.is_empty()) {
        return Ok(Database::Given(url.clone()));
    }
    Ok(match programs::find() {
        Some(folder) => Database::Private(Cluster::start(&folder)?),
        None => Database::Absent,
    })
}

impl Database {
    /// Tells a command's program, and the tests below it, where the server is.
    pub(crate) fn tell(&self, command: &mut Command) {
        match self {
            Database::Given(url) => command.env(URL_VARIABLE, url),
            Database::Private(cluster) => command.env(URL_VARIABLE, cluster.url()),
            Database::Absent => command.env_remove(URL_VARIABLE),
        };
    }
}
