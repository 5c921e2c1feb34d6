//! Corrected ratios of characters to tokens that are not stored yet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Corrected ratios that are used already and not stored yet, by the id of their model.
///
/// Nearly every answer corrects the ratio of its model a little. Storing each correction would write one row for all turns
/// of the model.
#[derive(Debug, Default)]
pub(crate) struct Corrections(Mutex<HashMap<String, Correction>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Correction {
    /// Ratio that the store had last; `None` if the model had none.
    pub(super) from: Option<u32>,
    pub(super) to: u32,
}

impl Corrections {
    /// Adds a correction of a ratio. The store still has the ratio before the first one.
    pub(super) fn add(&self, model: &str, from: Option<u32>, to: u32) {
        let mut corrections = self.lock();
        match corrections.get_mut(model) {
            Some(correction) => correction.to = to,
            None => _ = corrections.insert(model.to_owned(), Correction { from, to }),
        }
    }

    pub(super) fn take(&self) -> HashMap<String, Correction> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Correction>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
