//! Rate limits: sends of a user, and failed authentications from a client address. Memory of large bodies.
//!
//! Each process counts for itself, so several instances together allow a multiple of each limit.

mod address;
mod client_bodies;
mod creations;
mod failures;
mod keyed;
mod sends;

pub(crate) use address::{client_address, network};
pub(crate) use client_bodies::ClientBodies;
pub(crate) use creations::CreationRateLimiter;
pub(crate) use failures::FailureRateLimiter;
pub(crate) use sends::{RateHeaders, SendRateLimiter};
