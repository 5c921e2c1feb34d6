//! The project's chores: `cargo xtask check` judges the sources, `cargo xtask test` runs everything that can fail.
//!
//! It may know Cargo, the file system and how to start a PostgreSQL server, and nothing of ours.
//! Deliberately absent: anything that the product itself needs at run time.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its reader sits at the terminal")]

mod cargo;
mod check;
mod coverage;
mod documents;
mod finding;
mod layers;
mod migrations;
mod postgres;
mod soak;
mod suite;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::check::Check;
use crate::workspace::Workspace;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The project's checks and chores")]
struct Cli {
    #[command(flatten)]
    postgres: postgres::Options,
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run every check, print all findings, then fail if there are errors among them.
    Check,
    #[command(flatten)]
    Alone(Check),
    /// Write `docs/openapi.json` as the code has it.
    Openapi {
        /// Only compare; a difference is a finding.
        #[arg(long)]
        check: bool,
    },
    /// Run the examples, the doctests and the tests, on a private PostgreSQL server if there is one to start.
    Test {
        /// Arguments for the test runner, after `--`; with any, only the tests run. A name selects tests.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Talk to real processes that are killed all the time, and print what was lost: nothing.
    Soak(soak::Soak),
    /// Measure which lines the tests run; fail where a crate falls below its floor. Takes many minutes.
    Coverage,
}

fn main() -> ExitCode {
    run(Cli::parse()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(cli: Cli) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    match cli.task {
        Task::Check => Ok(check::run(&check::ALL, &workspace, &cli.postgres)),
        Task::Alone(check) => Ok(check::run(&[check], &workspace, &cli.postgres)),
        Task::Openapi { check: true } => Ok(check::run(&[Check::Openapi], &workspace, &cli.postgres)),
        Task::Openapi { check: false } => documents::write_openapi(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Soak(soak) => soak::run(&soak, &workspace, &cli.postgres),
        Task::Test { arguments } => suite::run(&workspace, &cli.postgres, &arguments),
        Task::Coverage => coverage::run(&workspace, &cli.postgres),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
