//! Fair sharing of a limited resource: a queue and a semaphore that serve waiting users in turn.
//!
//! One user with many waiting requests delays another user's request by one request, not by all of them.
//! Deliberately absent: what is shared, and any I/O.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod queue;
mod requester;
mod semaphore;
#[cfg(test)]
mod testing;

pub use queue::FairQueue;
pub use requester::{current_requester, on_behalf_of};
pub use semaphore::{FairPermit, FairSemaphore, RateLimit};
