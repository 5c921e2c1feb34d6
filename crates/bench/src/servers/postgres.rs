//! A PostgreSQL server and the databases of a run.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio_postgres::{Client, NoTls};

use super::copies::{Copies, append_to_postgres};
use super::relay::Relay;
use crate::process::{pin, usage};

/// A running server.
#[derive(Debug, Clone)]
pub(crate) struct Postgres {
    /// URL with the credentials of a role that may create databases, without options.
    url: String,
    /// Process that starts the others; `None` for a server on another machine.
    process: Option<u32>,
}

impl Postgres {
    /// Moves the server to the core of the measured servers.
    pub(crate) fn new(url: &str, process: Option<u32>, core: usize) -> Result<Self> {
        for process in
            process.into_iter().chain(process.map(usage::children).transpose()?.unwrap_or_default())
        {
            pin(process, core).context("the processes of PostgreSQL cannot be moved to a core")?;
        }
        Ok(Postgres { url: url.to_owned(), process })
    }

    /// Creates an empty database, and with `delay` a relay to it.
    pub(super) fn create_database(&self, delay: Option<Duration>) -> Result<PostgresDatabase> {
        let name = format!("causerie_bench_{}_{}", std::process::id(), crate::clock::micros());
        execute(&self.url, &format!("CREATE DATABASE {name}"))?;
        let (base, _) = self.url.rsplit_once('/').context("the URL names no database")?;
        let (credentials, host) = base.rsplit_once('@').context("the URL names no user")?;
        let relay = delay.map(|delay| Relay::start(host.to_owned(), delay)).transpose()?;
        let url = match &relay {
            Some(relay) => format!("{credentials}@{}/{name}", relay.address),
            None => format!("{base}/{name}"),
        };
        Ok(PostgresDatabase { url, relay, name, server: self.clone() })
    }
}

/// A database, which is deleted when it is dropped.
#[derive(Debug)]
pub(super) struct PostgresDatabase {
    pub(super) url: String,
    relay: Option<Relay>,
    name: String,
    server: Postgres,
}

impl PostgresDatabase {
    /// Returns the CPU time of all processes of the server in microseconds; 0 for a server on another machine.
    pub(super) fn cpu_us(&self) -> Result<u64> {
        self.server.process.map_or(Ok(0), usage::cpu_us_with_children)
    }

    /// Returns the number of round trips through the relay so far; `None` without a relay.
    pub(super) fn trips(&self) -> Option<u64> {
        self.relay.as_ref().map(Relay::trips)
    }

    /// Appends copies of all rows.
    pub(super) fn append(&self, copies: Copies) -> Result<()> {
        with_client(&self.url, async |client| append_to_postgres(client, copies).await)
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        // The server may have ended; otherwise the database remains, with the name of the benchmark.
        let _ = execute(&self.server.url, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

fn execute(url: &str, sql: &str) -> Result<()> {
    with_client(url, async |client| {
        client.batch_execute(sql).await.with_context(|| format!("cannot execute {sql}"))
    })
}

/// Runs a function with a connection.
fn with_client<T>(url: &str, run: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, NoTls).await.context("cannot connect to PostgreSQL")?;
        let tasks = tokio_util::task::TaskTracker::new();
        tasks.spawn(connection);
        run(&client).await
    })
}
