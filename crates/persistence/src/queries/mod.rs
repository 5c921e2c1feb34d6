//! The queries: what each step of business does, statement by statement.
//!
//! These files are compiled twice, over SQLite and over PostgreSQL. What differs between the two comes from the
//! module above: the connection, the backend's type, the clock, and how many rows are inserted at once. A function
//! here is one step of a port, run in the transaction that its mode asks for, or a part of one that several steps
//! share.
//!
//! Locks are taken in one order everywhere, a session's row before those of its turn, and several sessions in the
//! order of their turns' ids; then the ledger's row, and last the windows of budgets in the order of the budgets' ids:
//! so no two steps wait for each other.

pub(crate) mod administration;
pub(crate) mod api_keys;
pub(crate) mod attachments;
pub(crate) mod audit_events;
pub(crate) mod authentication;
pub(crate) mod budgets;
pub(crate) mod forks;
pub(crate) mod groups;
pub(crate) mod health;
pub(crate) mod integrity;
pub(crate) mod memberships;
pub(crate) mod messages;
pub(crate) mod models;
pub(crate) mod rules;
pub(crate) mod sessions;
pub(crate) mod stream_tickets;
pub(crate) mod tools;
pub(crate) mod turns;
pub(crate) mod usage;
pub(crate) mod users;

mod filters;
mod sql_literals;

use super::{CLOCK, Conn, Db, LOCK_LEDGER_SQL, bulk};
