//! Turns: leases, logs, and the writes from the start of a turn to its end.

mod begin;
mod finish;
mod flush;
mod lease;
mod preview;
mod read;
mod reap;
mod requests;

pub(crate) use begin::begin;
pub(crate) use finish::{ended_before, finish, finish_large};
pub(crate) use flush::{begin_attempt, flush, flush_large, request_cancel};
pub(crate) use preview::preview;
pub(crate) use read::{by_id, by_key, log, running, visible};
pub(crate) use reap::{reap, reapable};
pub(crate) use requests::requests;
