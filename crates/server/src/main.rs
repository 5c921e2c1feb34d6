//! `causerie`. The body is in the library of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    causerie_server::run()
}
