//! The shapes of the wire. Nothing here judges; it only reads, and it reads what others would stumble over.
//!
//! The upstream adds fields, words and shapes without notice, so every field is optional, no field is refused,
//! and a leaf of an unexpected type counts as absent instead of spoiling what stands around it.

pub(crate) mod chunk;
pub(crate) mod leaf;
pub(crate) mod object;
pub(crate) mod usage;
