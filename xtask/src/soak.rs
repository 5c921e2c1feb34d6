//! `cargo xtask soak`: runs the soak test against the built program and a database.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::cargo;
use crate::options::Options;
use crate::postgres::{self, Database};
use crate::workspace::Workspace;

/// The databases that the soak test can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SoakDatabase {
    /// A file, used by one process.
    Sqlite,
    /// A server, used by two processes.
    Postgres,
}

/// Options of the soak test.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Soak {
    /// Duration in minutes.
    #[arg(long, default_value_t = 20)]
    minutes: u64,
    /// Database of the program.
    #[arg(long, value_enum, default_value_t = SoakDatabase::Sqlite)]
    database: SoakDatabase,
    /// Seed of the random choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of concurrent sessions.
    #[arg(long, default_value_t = 24)]
    sessions: u64,
}

/// Runs the soak test, which prints its result as the last line.
///
/// # Errors
/// The programs cannot be built, or the database is not available.
pub(crate) fn run(soak: &Soak, workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let programs = cargo::build_programs(&workspace.root)?;
    let mut command = Command::new(programs.soak);
    command.arg("--program").arg(&programs.causerie);
    command.args(["--minutes", &soak.minutes.to_string(), "--seed", &soak.seed.to_string()]);
    command.args(["--sessions", &soak.sessions.to_string()]);
    // Kept until the end: dropping it stops a private server.
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
    database.configure(&mut command);
    let status = command.status().context("cannot start the soak test")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
