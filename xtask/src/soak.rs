//! `cargo xtask soak`: builds the program and the soak, finds a database, and lets the one loose on the other.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::cargo;
use crate::postgres::{self, Database};
use crate::workspace::Workspace;

/// The databases by the names they have on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SoakDatabase {
    /// A file and one process.
    Sqlite,
    /// A server and two processes.
    Postgres,
}

/// How long to soak, and on what.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Soak {
    /// For how many minutes.
    #[arg(long, default_value_t = 20)]
    minutes: u64,
    /// On which database.
    #[arg(long, value_enum, default_value_t = SoakDatabase::Sqlite)]
    database: SoakDatabase,
    /// Where the random choices begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many conversations there are at the same time.
    #[arg(long, default_value_t = 24)]
    sessions: u64,
}

/// Soaks; the last line that is printed says what was held.
///
/// # Errors
/// The programs cannot be built, or there is no such database.
pub(crate) fn run(soak: &Soak, workspace: &Workspace, options: &postgres::Options) -> Result<ExitCode> {
    let programs = cargo::build_programs(&workspace.root)?;
    let mut command = Command::new(programs.soak);
    command.arg("--program").arg(&programs.causerie);
    command.args(["--minutes", &soak.minutes.to_string(), "--seed", &soak.seed.to_string()]);
    command.args(["--sessions", &soak.sessions.to_string()]);
    // Dropping it stops a server of our own, so it stays to the end.
    let database = match soak.database {
        SoakDatabase::Sqlite => {
            command.args(["--database", "sqlite"]);
            Database::Absent
        }
        SoakDatabase::Postgres => {
            command.args(["--database", "postgres"]);
            postgres::provide(options)?
        }
    };
    if soak.database == SoakDatabase::Postgres && matches!(database, Database::Absent) {
        bail!("{}", postgres::NOT_RUN);
    }
    database.tell(&mut command);
    let status = command.status().context("the soak cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
