//! Streamed answers: server-sent events that a client can resume.

mod body;
mod encoder;
mod frame;
mod frames;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use body::stream;
pub(crate) use frame::Frame;
pub use frames::StreamSettings;
