//! Support for tests: a database for each test, contracts of the ports, a running server, an identity provider.
//!
//! The crate may depend on all others; the feature `app` has the parts that need the whole program. Programs do not
//! depend on it.

#[cfg(feature = "app")]
pub mod app;
pub mod contract;
pub mod database;
pub mod process;
#[cfg(feature = "provider")]
pub mod provider;
#[cfg(feature = "app")]
pub mod soak;

/// Error of checks, for the tests that the macros of this crate create.
pub use anyhow;
