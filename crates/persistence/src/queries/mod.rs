//! The queries: the statements of each transaction.
//!
//! These files are compiled twice, for SQLite and for PostgreSQL. The differences come from the parent module: the
//! connection, the backend type, the clock, the condition of a transaction that has begun, the lock of the ledger, the
//! probe of writes and bulk inserts. A function here is the body of one port method, run in a transaction of the mode that
//! the port method names, or a part that several of them share.
//!
//! All transactions take locks in one order, so no two of them deadlock: the row of a session before the rows of its
//! turn, several sessions in the order of their turns' ids, then the ledger's row, and last the windows of budgets in
//! the order of the budgets' ids.

pub(crate) mod api_keys;
pub(crate) mod attachments;
pub(crate) mod audit_events;
pub(crate) mod authentication;
pub(crate) mod budgets;
pub(crate) mod completions;
pub(crate) mod forks;
pub(crate) mod groups;
pub(crate) mod health;
pub(crate) mod integrity;
pub(crate) mod memberships;
pub(crate) mod messages;
pub(crate) mod models;
pub(crate) mod operator;
pub(crate) mod rules;
pub(crate) mod sessions;
pub(crate) mod stream_tickets;
pub(crate) mod tools;
pub(crate) mod turns;
pub(crate) mod usage;
pub(crate) mod users;

mod filters;
mod run;
mod sequence;
mod sizes;
mod sql_literals;
pub(super) mod statement;
pub(super) mod step;

pub(super) use run::{Cached, RunQueryDsl, padded};
pub(super) use sequence::{Sequence, Together};

use super::row::Row;
use super::run as run_statement;
use super::{
    BEGUN, CLOCK, Conn, Db, LOCK_LEDGER_SQL, LOCK_SESSIONS, MESSAGE_GROUP, MESSAGE_USER, WRITE_PROBE_SQL,
    bulk,
};
