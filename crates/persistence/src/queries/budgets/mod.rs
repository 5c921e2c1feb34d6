//! Budgets: their limits, and the amounts spent and reserved in their windows.

mod reservations;
mod settings;

pub(super) use reservations::{left, load, of, preview, reserve, settle, transfer};
pub(super) use settings::lock_ledger;
pub(crate) use settings::{delete, set, states};
