//! The HTTP API of Causerie: routes, bodies, authentication, streams, errors and the OpenAPI document.
//!
//! It depends on actix, the chat runtime and the ports of the domain: it turns requests into calls of the runtime,
//! and results into responses. Deliberately absent: SQL, upstream clients, reading settings from files or the
//! environment, and decisions. The runtime decides what a principal may do, so that every host decides alike.

mod app;
pub mod auth;
mod bounded_map;
mod csv;
mod dto;
mod error;
mod limits;
mod main_runtime;
mod middleware;
mod openapi;
mod request;
mod routes;
mod serve;
mod settings;
mod sse;
mod state;
#[cfg(test)]
mod testing;

pub use app::configure;
pub use openapi::openapi;
pub use serve::serve;
pub use settings::{AccessSettings, HttpSettings};
pub use state::{AppParts, AppState};
