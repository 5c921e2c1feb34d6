//! What an answer costs: token buckets, prices, estimates, and the rules by which a cost becomes known.
//!
//! This crate may know the domain, and nothing else: every function is pure, every number is an integer, and the
//! instant it is comes in as an argument. Deliberately absent: stores, clocks, the catalogue's synchronisation,
//! and the decision when to look a cost up; the runtime and the store have those.
//!
//! How the cost of a request becomes known, best first:
//!
//! | basis | where it comes from | who decides |
//! | --- | --- | --- |
//! | `reported` | the answer's `usage.cost`, plus `upstream_inference_cost` on an own provider key | [`settle`] |
//! | `looked_up` | the upstream's generation record, read afterwards | [`settle_looked_up`] |
//! | `calculated` | tokens the upstream counted, times the prices at the time; zero after a refusal | [`settle`], [`give_up`] |
//! | `estimated` | tokens we estimated from the text, times the prices at the time | [`settle`], [`give_up`] |
//! | `pending` | not yet: the record is still to be read; a calculated or estimated cost stands in | [`settle`] |
//! | `unknown` | nowhere: no price, or no tokens. Never zero by silence | [`settle`], [`give_up`] |
//!
//! What a calculation covers: input, cache reads and writes, output, reasoning and the fee per request. Fees for
//! searches, images or file parsing are only in reported costs, so a calculated cost is a lower bound of those.
//!
//! ```
//! use causerie_domain::models::Pricing;
//! use causerie_domain::usage::TokenCounts;
//! use causerie_domain::Timestamp;
//! use causerie_usage::{TokenBuckets, cost_of};
//!
//! let prices = Pricing {
//!     prompt: Some("0.000003".parse()?),
//!     completion: Some("0.000015".parse()?),
//!     ..Pricing::default()
//! };
//! let counts = TokenCounts { input: Some(254), output: Some(5), ..TokenCounts::default() };
//! let buckets = TokenBuckets::of(&counts).expect("input and output are known");
//! let cost = cost_of(&buckets, &prices, Timestamp::from_micros(0)).expect("both prices are known");
//! assert_eq!(cost.to_string(), "0.000837");
//! # Ok::<(), causerie_domain::money::MoneyError>(())
//! ```

mod buckets;
mod ceiling;
mod estimate;
mod family;
mod lookup;
mod price;
mod settle;

pub use buckets::TokenBuckets;
pub use ceiling::DearestPrices;
pub use estimate::{CharsPerToken, TOKENS_PER_MESSAGE, estimate_tokens, text_weight, with_margin};
pub use family::TokenizerFamily;
pub use lookup::{LOOKUP_WINDOW, next_lookup};
pub use price::cost_of;
pub use settle::{
    EstimatedTokens, PendingRequest, RequestEnd, Settled, give_up, reported_cost, settle, settle_looked_up,
};
