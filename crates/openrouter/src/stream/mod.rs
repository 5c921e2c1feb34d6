//! From the bytes of an answer to its events.
//!
//! `guard` finds whole events, `event` reads their data, `decoder` decides what kind of body it is and when it
//! ends, `assembly` puts the answer together with `reasoning`, `tools` and `responses`, `stray` keeps plain words for
//! the logs, and `ending` says what the end means.

mod assembly;
mod decoder;
mod ending;
mod event;
mod guard;
mod reasoning;
mod responses;
mod stray;
mod tools;

pub use decoder::{StreamDecoder, decode};
