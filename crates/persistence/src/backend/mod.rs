//! The two databases: how each of them runs a transaction.

pub(crate) mod postgres;
mod progress;
pub(crate) mod sqlite;
pub(crate) mod transaction;

/// The database that a store uses.
#[derive(Debug)]
pub(crate) enum Backend {
    Sqlite(sqlite::Engine),
    Postgres(postgres::Engine),
}
