//! Simulator of the HTTP API of the upstream: the model id selects the scenario, and every request is recorded.
//!
//! The crate has its own structs of the wire format, and scenarios for the observed failures of the upstream.
//! It shares no type with the rest of Causerie, so that an error in the wire structs of the client is detected.
//! Deliberately absent: a store, randomness, and clock-dependent answers except ids, `created` and waits.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod catalog;
mod fault;
mod options;
mod prompt_cache;
mod recording;
mod scenario;
mod script;
mod server;
mod simulator;
mod wire;

pub use fault::Fault;
pub use options::Options;
pub use recording::{Outcome, RecordedRequest};
pub use scenario::{COMMON_PARAMETERS, Parameter, Scenario, all as scenarios};
pub use simulator::{Simulator, SimulatorError};
