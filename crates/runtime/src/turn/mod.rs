//! Turns: running them, reading them, and storing their progress.

pub(crate) mod attempt;
pub(crate) mod close_usage;
pub(crate) mod event;
pub(crate) mod flusher;
pub(crate) mod lease_retry;
pub(crate) mod log;
mod prompt_cache;
pub(crate) mod quotations;
pub(crate) mod reader;
pub(crate) mod reaper;
pub(crate) mod request_form;
pub(crate) mod retry;
pub(crate) mod retry_budget;
pub(crate) mod run;
pub(crate) mod running;
pub(crate) mod stored_reader;
pub(crate) mod streams;
#[cfg(test)]
mod testing;
