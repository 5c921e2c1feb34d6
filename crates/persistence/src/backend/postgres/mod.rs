//! PostgreSQL: a connection pool, tasks that run to the end when their caller goes away, and the queries.

mod bulk;
mod conn;
#[cfg(test)]
mod conn_tests;
mod connector;
mod engine;
mod job;
mod queues;
mod row;
mod run;
mod tls;

// The same file as SQLite's: one set of queries, compiled for each database.
#[path = "../../queries/mod.rs"]
#[expect(clippy::duplicate_mod, reason = "one set of queries serves both databases")]
pub(crate) mod queries;

pub(crate) use conn::Conn;
pub(crate) use connector::Connector;
pub(crate) use engine::Engine;

/// The backend type for the queries.
pub(crate) type Db = diesel::pg::Pg;

/// SQL of the database's clock in microseconds: the current instant, not the start of the transaction, which may have
/// waited for a lock.
pub(crate) const CLOCK: &str = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT";

/// Condition that a transaction has begun, and the statement that makes it true until the transaction ends.
pub(crate) const BEGUN: &str = "current_setting('causerie.begun', true) = 'on'";
const SET_BEGUN: &str = "SET LOCAL causerie.begun = on";

/// User of a message's session, and its group. PostgreSQL estimates how many sessions they have.
pub(crate) const MESSAGE_USER: &str = "sessions.user_id";
pub(crate) const MESSAGE_GROUP: &str = "sessions.group_id";

/// Ends a query that locks the sessions of its rows until the transaction ends. References to them can be added meanwhile.
pub(crate) const LOCK_SESSIONS: &str = " FOR NO KEY UPDATE OF sessions";

/// Writes the lock of a row, unless another instance holds it.
pub(crate) const WRITE_PROBE_SQL: &str =
    "SELECT version FROM __diesel_schema_migrations LIMIT 1 FOR UPDATE SKIP LOCKED";

/// Blocks writes to the usage ledger by other transactions until this one ends. Reads continue.
pub(crate) const LOCK_LEDGER_SQL: Option<&str> = Some("LOCK TABLE ai_usage IN SHARE ROW EXCLUSIVE MODE");
