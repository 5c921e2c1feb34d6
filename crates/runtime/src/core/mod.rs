//! The core: building a runtime, its settings, its start and its end, its errors and its clocks.

pub(crate) mod builder;
pub(crate) mod clock;
pub(crate) mod error;
mod lifecycle;
pub(crate) mod settings;
