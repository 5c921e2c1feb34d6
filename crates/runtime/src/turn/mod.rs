//! Turns: running them, reading them, and storing their progress.

pub(crate) mod attempt;
pub(crate) mod close;
pub(crate) mod event;
pub(crate) mod flusher;
mod lease_retry;
pub(crate) mod log;
pub(crate) mod reader;
pub(crate) mod replay;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod running;
pub(crate) mod streams;
#[cfg(test)]
mod testing;
