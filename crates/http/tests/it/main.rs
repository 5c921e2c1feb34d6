//! Integration tests of the HTTP API: routes, streams and connections.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod connections;
mod limits;
mod page;
mod readers;
mod routes;
mod streams;
mod support;
