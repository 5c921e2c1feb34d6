//! The HTTP API of Causerie: routes, bodies, authentication, streams, errors and the OpenAPI document.
//!
//! The crate depends on actix, the chat runtime and the ports of the domain. It converts requests into calls of the
//! runtime, and results into responses. It contains no SQL, no upstream client, no reading of settings from files or the
//! environment, and no permission checks: the runtime decides what a principal may do, for every program that links it.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod app;
pub mod auth;
mod bounded_map;
mod clock;
mod connections;
mod csv;
mod dto;
mod embedded_files;
mod error;
mod error_reference;
mod limits;
mod local_machine;
mod main_runtime;
mod middleware;
mod openai;
mod openapi;
mod refusal;
mod request;
mod routes;
mod serve;
mod settings;
mod sse;
mod state;
#[cfg(test)]
mod testing;

pub use app::configure;
pub use error_reference::error_reference;
pub use openapi::openapi;
pub use serve::serve;
pub use settings::{AccessSettings, HttpSettings};
pub use sse::StreamSettings;
pub use state::{AppParts, AppState};
