//! Development tasks: `cargo xtask check` checks the sources, `cargo xtask test` runs all tests.
//!
//! It may use Cargo, git, the file system and a PostgreSQL server, and no other crate of the workspace.
//! Deliberately absent: anything that the program needs at run time.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command line program")]

mod bench;
mod cargo;
mod check;
mod clients;
mod coverage;
mod finding;
mod generated_files;
mod layers;
mod limits;
mod migrations;
mod options;
mod packages;
mod postgres;
mod soak;
mod test_run;
mod tidy;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

use crate::check::Check;
use crate::generated_files::Document;
use crate::options::Options;
use crate::workspace::Workspace;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Development tasks of this repository")]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run every check, print all findings, and fail if one is an error.
    Check,
    #[command(flatten)]
    Single(Check),
    /// Write `docs/openapi.json`.
    Openapi {
        /// Compare the file with the document that the program writes, and fail if they differ.
        #[arg(long)]
        check: bool,
    },
    /// Write `docs/errors.md`.
    Errors {
        /// Compare the file with the page that the program writes, and fail if they differ.
        #[arg(long)]
        check: bool,
    },
    /// Run the examples, doctests and tests, on a private PostgreSQL server if its programs are installed.
    Test {
        /// Arguments of the test runner, after `--`, such as the name of a test; examples and doctests are skipped.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Run the tests with programs of other projects, such as a browser, against the built program.
    Clients {
        /// Suites to run; all by default.
        #[arg(value_parser = PossibleValuesParser::new(clients::names()))]
        suites: Vec<String>,
    },
    /// Write screenshots of every view of the page, dark and light, wide and narrow.
    Screenshots {
        /// Folder, relative to the workspace.
        #[arg(default_value = "target/screenshots")]
        folder: PathBuf,
    },
    /// Run the server under load, kill it repeatedly, and check that no acknowledged data is lost.
    Soak(soak::Soak),
    /// Measure the release build beside reference proxies, and print a table.
    Bench(bench::Bench),
    /// Measure the line coverage of the tests; fail if a crate is below the minimum. Takes many minutes.
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
        Task::Check => Ok(check::run(&check::ALL, &workspace, &cli.options)),
        Task::Single(check) => Ok(check::run(&[check], &workspace, &cli.options)),
        Task::Openapi { check: true } => Ok(check::run(&[Check::Openapi], &workspace, &cli.options)),
        Task::Errors { check: true } => Ok(check::run(&[Check::Errors], &workspace, &cli.options)),
        Task::Openapi { check: false } => write(&generated_files::OPENAPI, &workspace),
        Task::Errors { check: false } => write(&generated_files::ERRORS, &workspace),
        Task::Clients { suites } => clients::run(&suites, &workspace, &cli.options),
        Task::Screenshots { folder } => clients::screenshots(&folder, &workspace),
        Task::Soak(soak) => soak::run(&soak, &workspace, &cli.options),
        Task::Bench(bench) => bench::run(&bench, &workspace, &cli.options),
        Task::Test { arguments } => test_run::run(&workspace, &cli.options, &arguments),
        Task::Coverage => coverage::run(&workspace, &cli.options),
    }
}

fn write(document: &Document, workspace: &Workspace) -> Result<ExitCode> {
    document.write(workspace)?;
    Ok(ExitCode::SUCCESS)
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
