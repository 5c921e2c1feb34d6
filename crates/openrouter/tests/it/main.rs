//! Tests of the public interface, as one binary: linking is most of their build time.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]

mod compression;
mod documents;
mod error_statuses;
mod errors_in_responses;
mod framing;
mod fuzz;
mod images;
mod outcomes;
mod recorded_completions;
mod redaction;
mod scripted_upstream;
mod support;
mod transport;
mod truncation;
mod upstream_quirks;
