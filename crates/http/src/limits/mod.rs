//! How often somebody may: sends of a principal, and failed authentications from an address.
//!
//! The counts are this process's own. Several instances together allow several times as much.

mod address;
mod buckets;
mod failures;
mod sends;

pub(crate) use address::client_address;
pub(crate) use failures::Failures;
pub(crate) use sends::{RateHeaders, Sends, limit_sends};
