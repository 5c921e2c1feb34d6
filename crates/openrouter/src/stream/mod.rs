//! Decodes the bytes of a response to events.
//!
//! `event_splitter` finds whole events, `event` parses their data, `decoder` detects the kind of body and its end,
//! `response_builder` builds the answer with `parts`, `reasoning`, `function_calls` and `responses_api`, `relay` passes
//! chunks on in place of it,
//! `non_event_text` keeps plain text for the logs, and `outcome` decides how the answer ended.

mod content;
mod decoder;
mod event;
mod event_splitter;
mod function_calls;
mod non_event_text;
mod outcome;
mod parts;
mod reasoning;
mod relay;
mod response_builder;
mod responses_api;

pub use decoder::{StreamDecoder, decode};
