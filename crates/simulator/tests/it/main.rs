//! Integration tests: every scenario over a plain socket, and the handle that controls the simulator.

mod accounting;
mod answers;
mod assistant;
mod bodies;
mod client;
mod connection_faults;
mod control;
mod function_calls;
mod lookups;
mod program;
mod refusals;
mod strict;
