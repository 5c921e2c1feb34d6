//! The store: every port that keeps something, on SQLite and on PostgreSQL, with one set of queries for both.
//!
//! This crate may know the domain, diesel and the two databases.
//! Deliberately absent: rules of business, clocks other than the database's, HTTP, and any other crate of ours:
//! what is stored was decided above, and a filter is all that is known here of who asks.

#[cfg(feature = "fail-points")]
pub mod fail_point;
mod fault;
mod input;
mod lock;
mod migrations;
mod pg;
mod ports;
mod rows;
mod schema;
mod settings;
mod sqlite;
mod step;
mod store;
mod types;
mod wide;

pub use lock::{LockError, ServeLock};
pub use migrations::MigrationError;
pub use settings::{OpenError, StoreSettings};
pub use store::{Database, SqlStore};
