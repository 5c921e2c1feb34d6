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
pub(crate) mod attachments;
pub(crate) mod audit;
pub(crate) mod audit_log;
pub(crate) mod begin;
pub(crate) mod budgets;
pub(crate) mod finish;
pub(crate) mod flush;
pub(crate) mod forks;
pub(crate) mod groups;
pub(crate) mod health;
pub(crate) mod identity;
pub(crate) mod keys;
pub(crate) mod memberships;
pub(crate) mod messages;
pub(crate) mod models;
pub(crate) mod people;
pub(crate) mod policies;
pub(crate) mod reap;
pub(crate) mod reconcile;
pub(crate) mod reports;
pub(crate) mod session_audit;
pub(crate) mod session_changes;
pub(crate) mod sessions;
pub(crate) mod tickets;
pub(crate) mod tool_posts;
pub(crate) mod tool_sync;
pub(crate) mod tools;
pub(crate) mod turns;
pub(crate) mod usage_records;

mod filter;
mod filter_people;
mod fixed;
mod holds;
mod usage;
mod usage_rows;
mod usage_sums;
mod weights;

use super::{CLOCK, Conn, Db, HOLD_LEDGER, bulk};
