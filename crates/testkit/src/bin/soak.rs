//! Program of `cargo xtask soak`: see [`causerie_testkit::soak`].
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the program prints its report")]

use std::process::ExitCode;

use causerie_testkit::soak::{self, Plan};
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    match soak::run(Plan::parse()).await {
        Ok(report) => {
            for fault in report.faults() {
                eprintln!("{fault}");
            }
            println!("{report}");
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
