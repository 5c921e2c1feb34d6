//! PostgreSQL: a pool of connections, tasks that outlive their callers, and the queries over the connections.

mod bulk;
mod engine;
mod job;

// The same file as SQLite's on purpose: one set of queries, compiled for each database.
#[path = "queries/mod.rs"]
#[expect(clippy::duplicate_mod, reason = "one set of queries serves both databases")]
pub(crate) mod queries;

pub(crate) use engine::Engine;

/// The database, for the queries.
pub(crate) type Db = diesel::pg::Pg;

/// The connection, for the queries.
pub(crate) type Conn = diesel_async::AsyncPgConnection;

/// The database's clock in microseconds: the moment, not the begin of the transaction, which may have waited.
pub(crate) const CLOCK: &str = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT";

/// Keeps others from writing the ledger until the transaction ends. Reading goes on.
pub(crate) const HOLD_LEDGER: Option<&str> = Some("LOCK TABLE ai_usage IN SHARE ROW EXCLUSIVE MODE");
