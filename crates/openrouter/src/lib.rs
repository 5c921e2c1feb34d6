//! A client of the OpenRouter API that takes every answer apart, the spoilt ones too, and says what it was.
//!
//! [`OpenRouter`] makes one attempt per call: it asks, decodes what comes back into the typed events of
//! [`CompletionGateway`](causerie_domain::ports::CompletionGateway) with exactly one end, and classifies every
//! failure. [`LimitedGateway`] wraps it, or any other gateway, and keeps to limits that all requests with one credential
//! share. The crate may know HTTP, server-sent events and the upstream's wire, and of ours only the domain.
//! Deliberately absent: retries, for each of them has a row in its caller's accounts, and prices, for it reports what
//! the upstream says of money and computes none.
//!
//! An answer, as it comes:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use causerie_domain::Secret;
//! use causerie_domain::completion::{CompletionEvent, CompletionRequest};
//! use causerie_domain::ports::CompletionGateway;
//! use causerie_openrouter::{OpenRouter, LimitedGateway, UpstreamLimits, Settings};
//! use futures_util::StreamExt;
//!
//! # async fn demo(request: CompletionRequest) -> Result<(), Box<dyn std::error::Error>> {
//! // Once per program, before the first client; an error means that somebody else was first, which is as good.
//! let _ = rustls::crypto::ring::default_provider().install_default();
//! let client = OpenRouter::new(Settings { api_key: Some(Secret::new("sk-or-...")), ..Settings::default() })?;
//! let gateway = LimitedGateway::new(Arc::new(client), UpstreamLimits::default());
//! let mut events = gateway.complete(request);
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
//!
//! An error is one enum to match on, with what there is to know beside it:
//!
//! ```
//! use causerie_domain::completion::{CompletionErrorKind, CompletionEvent};
//! use causerie_openrouter::{SizeLimits, decode_response};
//!
//! let body = br#"{"error":{"code":429,"message":"Provider returned error","metadata":{"raw":"slow down, key sk-abcdef"}}}"#;
//! let events = decode_response(body, SizeLimits::default());
//! let Some(CompletionEvent::Ended(end)) = events.last() else { unreachable!("every answer has an end") };
//! let Err(error) = &end.outcome else { unreachable!("this one failed") };
//! assert_eq!(error.kind, CompletionErrorKind::RateLimited);
//! assert!(error.retryable && error.retry_after.is_none());
//! assert_eq!(error.to_string(), "the rate limit of the model is reached"); // may be shown to anybody
//! assert_eq!(error.provider_text.as_deref(), Some("Provider returned error | raw slow down, key ***")); // for logs
//! ```
//!
//! The catalogue comes from [`CompletionGateway::models`](causerie_domain::ports::CompletionGateway::models), or from a
//! body that is there already:
//!
//! ```
//! let body = br#"{"data":[{"id":"a/b","pricing":{"prompt":"0.000003","completion":"-1"}}]}"#;
//! let page = causerie_openrouter::decode_catalog(body)?;
//! let pricing = &page.models[0].pricing;
//! assert_eq!(pricing.prompt.map(|price| price.to_string()).as_deref(), Some("0.000003")); // dollars a token, exactly
//! assert_eq!(pricing.completion, None); // `-1`: nobody knows it
//! # Ok::<(), causerie_domain::completion::CompletionError>(())
//! ```
//!
//! `examples/talk.rs` is a whole program.

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
pub use catalogue::{CatalogPage, Endpoint, decode as decode_catalog};
pub use client::OpenRouter;
pub use generation::decode as decode_generation;
pub use restraint::{LimitedGateway, UpstreamLimits};
pub use settings::{Attribution, Settings, SettingsError, SizeLimits, Timeouts};
pub use stream::{StreamDecoder, decode as decode_response};
