//! The store: implements the storage ports of the domain on SQLite and on PostgreSQL, with one set of queries for both.
//!
//! - `store`: the port implementations. One port method is one transaction.
//! - `queries`: the statements of each transaction, compiled once per database.
//! - `rows`: the columns of each table and their conversion to the domain's entities.
//! - `backend`: how each database runs a transaction.
//!
//! This crate depends on the domain, diesel and the two databases. It contains no business rules, no clock other than
//! the database's, no HTTP and no other workspace crate: callers decide what is stored, and a filter is the only
//! information about the principal.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod address;
mod backend;
mod clock;
mod error;
mod extra_columns;
#[cfg(feature = "fail-points")]
pub mod fail_point;
mod input;
mod lock;
mod migrations;
mod private_file;
mod rows;
mod schema;
mod settings;
mod store;
mod types;

pub use address::{AddressError, sqlite_path, sqlite_url};
pub use lock::{DatabaseLost, LockError, ServeLock};
pub use migrations::MigrationError;
pub use settings::{OpenError, StoreSettings};
pub use store::{Database, SqlStore};
