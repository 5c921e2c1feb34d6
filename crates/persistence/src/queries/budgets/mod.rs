//! Budgets: their limits, and the amounts spent and reserved in their windows.

mod reservations;
mod settings;

pub(super) use reservations::{left, of, preview, reserve, settle, transfer};
pub(crate) use settings::{delete, set, states};
