//! Integration tests: every scenario over a plain socket, and the handle that controls the simulator.

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
