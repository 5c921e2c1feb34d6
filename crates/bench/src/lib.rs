//! The benchmark: `causerie` beside a proxy that keeps nothing ("H") and one that stores each turn ("H, storing").
//!
//! One program has all roles: it starts itself as upstream, reference proxies and load generator.
#![cfg(target_os = "linux")]

mod answer;
mod clock;
mod counts;
mod listen;
mod load;
mod machine;
mod process;
mod record;
mod reference;
mod report;
mod run;
mod scenarios;
mod servers;
mod stats;
mod upstream;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "causerie-bench",
    about = "Measures causerie beside reference proxies; started by `cargo xtask bench`"
)]
struct Cli {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Run scenarios and print a report.
    Run(run::Options),
    /// Write the page of the documentation from the results of a run.
    Page {
        /// Results that a run has written.
        json: PathBuf,
        page: PathBuf,
    },
    /// Count the instructions of one turn and of 1,000 chunks, and compare them with a record.
    Counts(counts::Options),
    /// Serve prepared answers.
    #[command(hide = true)]
    Upstream,
    /// Serve as a reference proxy.
    #[command(hide = true)]
    Reference {
        upstream: SocketAddr,
        /// Store turns in this database.
        #[arg(long)]
        database: Option<PathBuf>,
    },
    /// Run commands from standard input against a server.
    #[command(hide = true)]
    Load,
    /// Become another program, which ends with the process that started this one.
    #[command(hide = true)]
    Exec {
        #[arg(last = true)]
        program: Vec<OsString>,
    },
}

/// Runs the program.
#[must_use]
#[expect(clippy::print_stderr, reason = "it is a command line program")]
pub fn run() -> ExitCode {
    match Cli::parse().role.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Role {
    fn run(self) -> Result<ExitCode> {
        if let Role::Upstream | Role::Reference { .. } | Role::Load | Role::Exec { .. } = self {
            process::end_with_parent()?;
        }
        match self {
            Role::Run(options) => run::run(&options)?,
            Role::Page { json, page } => {
                let results = serde_json::from_slice(&std::fs::read(json)?)?;
                std::fs::write(page, report::page(&results))?;
            }
            Role::Counts(options) => return counts::run(&options),
            Role::Upstream => upstream::run()?,
            Role::Reference { upstream, database } => reference::run(upstream, database.as_deref())?,
            Role::Load => load::run()?,
            Role::Exec { program } => {
                let [program, arguments @ ..] = program.as_slice() else { bail!("no program is named") };
                // It returns only if the program cannot be started.
                return Err(Command::new(program).args(arguments).exec()).context("cannot start the program");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
