//! The simulator as its clients see it: every scenario over a plain socket, and the handle that steers it.

mod accounting;
mod answers;
mod breaks;
mod bytes;
mod client;
mod control;
mod lookups;
mod program;
mod refusals;
mod tools;
