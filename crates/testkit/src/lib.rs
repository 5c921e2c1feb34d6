//! For tests only: a database for each test, and the contracts that every implementation of a port keeps.
//!
//! This crate may know everything of ours; the parts that need a whole running program are behind the feature `app`.
//! Deliberately absent: anything that a program which is not a test could want.

#[cfg(feature = "app")]
pub mod app;
pub mod contract;
pub mod database;
pub mod process;
#[cfg(feature = "provider")]
pub mod provider;
#[cfg(feature = "app")]
pub mod soak;

/// The error of checks, for the tests that the macros of [`contract`] stamp.
pub use anyhow;
