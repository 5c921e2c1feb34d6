//! A client of the OpenRouter API that takes every answer apart, the spoilt ones too, and says what it was.
//!
//! It makes one attempt per call: it asks, decodes what comes back into the typed events of
//! [`CompletionGateway`](causerie_domain::ports::CompletionGateway) with exactly one end, and classifies every
//! failure. It may know HTTP, server-sent events and the upstream's wire, and of ours only the domain. Deliberately
//! absent: retries, rate limits and circuit breakers, which need to see all requests and live above this crate,
//! and prices, for it reports what the upstream says of money and computes none.
//!
//! ```no_run
//! use causerie_domain::Secret;
//! use causerie_domain::completion::{CompletionEvent, CompletionRequest};
//! use causerie_domain::ports::CompletionGateway;
//! use causerie_openrouter::{OpenRouter, Settings};
//! use futures_util::StreamExt;
//!
//! # async fn demo(request: CompletionRequest) -> Result<(), Box<dyn std::error::Error>> {
//! // Once per program, before the first client; an error means that somebody else was first, which is as good.
//! let _ = rustls::crypto::ring::default_provider().install_default();
//! let client = OpenRouter::new(Settings { api_key: Some(Secret::new("sk-or-...")), ..Settings::default() })?;
//! let mut events = client.complete(request);
//! while let Some(event) = events.next().await {
//!     match event {
//!         CompletionEvent::Text(text) => drop(text), // the next piece of the answer
//!         CompletionEvent::Ended(end) => drop(end.outcome?), // how it ended, what it used, what it wants called
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```

#![expect(
    clippy::result_large_err,
    reason = "an error ends an answer: it is made once, and never in a hot loop"
)]

mod account;
mod attempt;
mod catalogue;
mod client;
mod clock;
mod error;
mod exchange;
mod generation;
mod request;
mod restraint;
mod settings;
mod stream;
mod watch;
mod wire;

pub use account::{Credits, KeyStatus};
pub use catalogue::{CataloguePage, Endpoint, decode as decode_catalogue};
pub use client::OpenRouter;
pub use generation::decode as decode_generation;
pub use restraint::{Restrained, Restraint};
pub use settings::{Attribution, Clocks, Limits, Settings, SettingsError};
pub use stream::{StreamDecoder, decode as decode_answer};
