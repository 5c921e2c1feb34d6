//! SQLite: one writer thread, several reader threads, and the queries.
//!
//! diesel-async's own wrapper runs each statement on tokio's blocking pool, which panics when a caller is dropped on a
//! single-threaded runtime, and leaves a transaction half done. Here a transaction runs as a whole on a thread that
//! owns its connection: dropping the caller only drops the receiver of the result.

mod bulk;
mod conn;
mod connection;
mod engine;
#[cfg(test)]
mod fairness_tests;
mod job;
mod queue;
mod row;
mod run;
mod threads;

#[path = "../../queries/mod.rs"]
pub(crate) mod queries;

pub(crate) use conn::Conn;
pub(crate) use connection::{ConnRole, connect};
pub(crate) use engine::Engine;

/// The backend type for the queries.
pub(crate) type Db = diesel::sqlite::Sqlite;

/// SQL of the database's clock in microseconds. Its resolution is one millisecond.
pub(crate) const CLOCK: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

/// Condition that a transaction has begun: a statement runs after BEGIN.
pub(crate) const BEGUN: &str = "TRUE";

/// User of a message's session, and its group. The sign hides the indexes of these columns: for a list of messages, SQLite
/// would read all messages of the user instead.
pub(crate) const MESSAGE_USER: &str = "+sessions.user_id";
pub(crate) const MESSAGE_GROUP: &str = "+sessions.group_id";

/// SQLite locks the database as a whole.
pub(crate) const LOCK_SESSIONS: &str = "";

/// Writes the first page of the database without changing it: the program does not use `user_version`, which is 0.
pub(crate) const WRITE_PROBE_SQL: &str = "PRAGMA user_version = 0";

/// None: SQLite allows one writing transaction at a time.
pub(crate) const LOCK_LEDGER_SQL: Option<&str> = None;
