//! Turns: their leases, their logs, and each step from begin to end.

mod begin;
mod finish;
mod flush;
mod lease;
mod read;
mod reap;

pub(crate) use begin::begin;
pub(crate) use finish::finish;
pub(crate) use flush::{begin_attempt, flush, request_cancel};
pub(crate) use read::{by_id, by_key, log, running};
pub(crate) use reap::reap;
