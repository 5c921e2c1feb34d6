//! The cost of an answer: token buckets, prices, estimates, and the rules that settle a cost.
//!
//! The crate depends on the domain only. Every function is pure, every number is an integer, and the current time is
//! an argument. Deliberately absent: stores, clocks, the synchronization of the catalogue, and the look-ups
//! themselves. This crate has their schedule; the runtime runs them.
//!
//! The bases of a cost, the most reliable first:
//!
//! | basis | source | decided by |
//! | --- | --- | --- |
//! | `reported` | `usage.cost` of the answer, plus `upstream_inference_cost` for a request on the account's own provider key | [`settle`] |
//! | `looked_up` | the upstream's generation record, read afterwards | [`settle_looked_up`] |
//! | `calculated` | tokens counted by the upstream, times the prices at the time; zero after a refusal | [`settle`], [`settle_without_record`] |
//! | `estimated` | tokens estimated from the text, times the prices at the time | [`settle`], [`settle_without_record`] |
//! | `pending` | none yet: the generation record is still to be read; the cost is provisional, calculated or estimated | [`settle`] |
//! | `unknown` | none: no price, or no tokens. A missing cost is never stored as zero | [`settle`], [`settle_without_record`] |
//!
//! A calculated cost covers input, cache reads and writes, output, reasoning and the fee per request. Fees for
//! searches, images or file parsing are in reported costs only, so a calculated cost is a lower bound.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod buckets;
mod estimate;
mod family;
mod lookup_schedule;
mod max_prices;
mod price;
mod settle;

pub use buckets::TokenBuckets;
pub use estimate::{CharsPerToken, TOKENS_PER_MESSAGE, estimate_tokens, text_weight, with_margin};
pub use family::TokenizerFamily;
pub use lookup_schedule::{LOOKUP_WINDOW, next_lookup};
pub use max_prices::MaxPrices;
pub use price::{cache_saved, cost_of};
pub use settle::{
    EstimatedTokens, PendingRequest, RequestEnd, Settled, reported_cost, settle, settle_looked_up,
    settle_without_record,
};
