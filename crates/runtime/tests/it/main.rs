//! Integration tests of the runtime, on the in-memory store and a scripted gateway.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod calibration;
mod catalog;
mod completions;
mod failures;
mod rate_limits;
mod reconciliation;
mod refusals;
mod several_instances;
mod support;
mod turns;
