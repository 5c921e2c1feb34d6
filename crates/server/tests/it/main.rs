//! Tests of the program `causerie`: as a process, and as a server in the process of the test.
#![cfg(test)]

mod admin_commands;
mod calibration;
#[cfg(feature = "test-hooks")]
mod crash;
#[cfg(feature = "test-hooks")]
mod crash_completions;
mod e2e;
#[cfg(feature = "test-hooks")]
mod instances;
mod log_privacy;
mod model_catalog;
mod process;
mod program;
mod shutdown;
mod sign_in;
mod tool_definitions;
