//! HTTP server: routes, the player of scripts, and the state that both share with the handle.

mod gates;
mod generations;
mod player;
pub(crate) mod routes;
pub(crate) mod state;
