//! A stand-in for the upstream's HTTP API: the model id picks what happens, and every request is recorded.
//!
//! It knows the upstream's wire format, in structs of its own, and how it was seen to fail.
//! It shares no type with the rest of Causerie, so that a mistake in the client's wire structs cannot hide here;
//! it has no store, no clock-dependent answers (ids, `created` and told waits apart), and no randomness.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod answer;
mod bill;
mod call;
mod catalogue;
mod credits;
mod fault;
mod frame;
mod gates;
mod generations;
mod options;
mod params;
mod player;
mod record;
mod recorder;
mod reply;
mod routes;
mod scenario;
mod script;
mod simulator;
mod state;
mod text;
mod wire;

pub use fault::Fault;
pub use options::Options;
pub use record::{Ending, RecordedRequest};
pub use scenario::{COMMON_PARAMETERS, Parameter, Scenario, all as scenarios};
pub use simulator::{Simulator, SimulatorError};
