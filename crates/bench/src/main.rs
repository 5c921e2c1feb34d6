//! The program `causerie-bench`: measures `causerie` beside reference proxies. `cargo xtask bench` starts it.
//!
//! It reads `/proc` and pins processes to cores, so it runs on Linux only.

use std::process::ExitCode;

// The allocator of `causerie`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    causerie_bench::run()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    ExitCode::FAILURE
}
