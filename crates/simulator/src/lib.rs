//! A simulator of the upstream's HTTP API: the model id selects the scenario, and every request is recorded.
//!
//! The crate contains the upstream's wire format, in its own structs, and the observed failures of the upstream.
//! It shares no type with the rest of Causerie, so that a mistake in the client's wire structs is detected.
//! Deliberately absent: a store, randomness, and clock-dependent answers except ids, `created` and waits.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod catalog;
mod fault;
mod options;
mod recording;
mod scenario;
mod script;
mod server;
mod simulator;
mod wire;

pub use fault::Fault;
pub use options::Options;
pub use recording::{Ending, RecordedRequest};
pub use scenario::{COMMON_PARAMETERS, Parameter, Scenario, all as scenarios};
pub use simulator::{Simulator, SimulatorError};
