//! `causerie`. The body is in the library of this crate.

use std::process::ExitCode;

/// Allocator of the program: docs/decisions/dependencies.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    causerie_server::run()
}
