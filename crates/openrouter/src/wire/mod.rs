//! The upstream's JSON formats. This module only reads them and judges nothing.
//!
//! The upstream adds fields, codes and formats without notice: every field is optional, unknown fields are ignored,
//! and a field of an unexpected type counts as absent without affecting the fields beside it.

pub(crate) mod chunk;
pub(crate) mod elements;
pub(crate) mod object;
pub(crate) mod raw_field;
pub(crate) mod surrogates;
pub(crate) mod usage;
