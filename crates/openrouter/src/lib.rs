//! A client of the OpenRouter API: one attempt per call, decoded into typed events and classified.
//!
//! It knows HTTP, server-sent events and the upstream's wire format, and of the workspace only `causerie-domain`.
//! Deliberately absent: retries, since the caller accounts for each attempt, and prices: the crate reports the costs
//! that the upstream states and computes none.
#![doc = ""]
#![doc = include_str!("../README.md")]
#![expect(
    clippy::result_large_err,
    reason = "an error ends a response: it is created once, never in a hot loop"
)]

mod catalog;
mod client;
mod clock;
mod documents;
mod error;
mod limits;
mod request;
mod settings;
mod stream;
mod wire;

pub use catalog::{CatalogPage, Endpoint, decode_models as decode_catalog};
pub use client::OpenRouter;
pub use documents::{Credits, KeyStatus, decode_generation};
pub use limits::{LimitedGateway, UpstreamLimits};
pub use settings::{Attribution, Settings, SettingsError, SizeLimits, Timeouts, is_base_url, is_proxy_url};
pub use stream::{StreamDecoder, decode as decode_response};
