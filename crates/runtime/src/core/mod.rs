//! Construction of a runtime, its settings, lifecycle, errors and clocks.

pub(crate) mod builder;
pub(crate) mod clock;
pub(crate) mod error;
mod lifecycle;
pub(crate) mod settings;
