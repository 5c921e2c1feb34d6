//! The usage ledger: its rows as turns write them, its reports, and the reconciliation of costs.

mod filter;
mod outputs;
mod reconciliation;
mod records;
mod report;
mod report_sql;
mod summaries;
mod sums;
mod write;

pub(super) use filter::{merge, parts, slugs};
pub(super) use outputs::recent_outputs;
pub(crate) use reconciliation::{claim_lookup, expired_lookups, postpone_lookup, price, settle, unpriced};
pub(crate) use records::records;
pub(crate) use report::report;
pub(super) use report_sql::SumStatement;
pub(crate) use summaries::{compare as compare_summaries, summarize};
pub(super) use write::{
    close, closing, count_closed, exists, interrupt, of_closed, of_turn, of_turns, open_row, opening,
    update_progress, with_references_of,
};
