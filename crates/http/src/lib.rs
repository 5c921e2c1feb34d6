//! The HTTP side of Causerie: routes, bodies, authentication, streams, errors and the OpenAPI document.
//!
//! It may know actix, the chat runtime and the ports of the domain, and turns requests into calls of the
//! runtime and its results into answers. Deliberately absent: SQL, upstreams, settings read from anywhere,
//! and decisions: who may do what and what happens then is the runtime's, so that it is the same for every
//! host.

pub mod auth;
mod browser;
mod conclude;
mod csv;
mod dto;
mod error;
mod limits;
mod main_runtime;
mod openapi;
mod request;
mod routes;
mod serve;
mod settings;
mod sse;
mod state;

pub use openapi::openapi;
pub use routes::configure;
pub use serve::serve;
pub use settings::{AccessSettings, HttpSettings};
pub use state::{AppParts, AppState};
