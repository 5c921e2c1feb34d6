//! The tests of the client from outside, as one program: linking is most of their time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed, as it should"
)]

mod answers;
mod cuts;
mod documents;
mod ends;
mod errors;
mod framing;
mod fuzz;
mod private;
mod refusals;
mod support;
mod transport;
mod traps;
mod upstream;
