//! SQLite: one thread that writes, a few that read, and the queries over their connections.
//!
//! diesel-async's own wrapper runs each statement on tokio's blocking pool, which panics when a caller goes away
//! on a single-threaded runtime, and leaves half a transaction behind. Here a step runs as a whole on a thread that
//! owns its connection: a caller that goes away only stops listening.

mod bulk;
mod connection;
mod engine;
mod inline;
mod job;
mod queue;
mod threads;

#[path = "../../queries/mod.rs"]
pub(crate) mod queries;

use diesel::sqlite::SqliteConnection;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

pub(crate) use connection::{Use, connect};
pub(crate) use engine::Engine;

/// The database, for the queries.
pub(crate) type Db = diesel::sqlite::Sqlite;

/// The connection, for the queries.
pub(crate) type Conn = SyncConnectionWrapper<SqliteConnection, inline::Inline>;

/// The database's clock in microseconds. Its resolution is a millisecond.
pub(crate) const CLOCK: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

/// Nobody else writes while a transaction does.
pub(crate) const LOCK_LEDGER_SQL: Option<&str> = None;
