//! The usage ledger: its rows as turns write them, its reports, and the reconciliation of costs.

mod reconcile;
mod records;
mod report;
mod report_sql;
mod selection;
mod write;

pub(crate) use reconcile::{claim_lookup, expired_lookups, postpone_lookup, price, settle, unpriced};
pub(crate) use records::records;
pub(crate) use report::report;
pub(super) use report_sql::SumStatement;
pub(super) use selection::{merge, parts, slugs};
pub(super) use write::{close, exists, interrupt, note, of_turn, of_turns, open};
