//! Counts and samples of a command while it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::protocol::Outcome;
use crate::stats::Latency;

/// Counts and samples, in microseconds, that the clients of a command share.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(Arc<Mutex<Samples>>);

#[derive(Debug, Default)]
pub(super) struct Samples {
    pub(super) completed: u64,
    pub(super) failures: BTreeMap<String, u64>,
    pub(super) chunks: u64,
    pub(super) first: Vec<u64>,
    pub(super) whole: Vec<u64>,
    pub(super) lag: Vec<u64>,
}

impl Tally {
    pub(super) fn lock(&self) -> MutexGuard<'_, Samples> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a stream whose first chunk has arrived.
    pub(super) fn complete(&self, first_us: u64) {
        let mut samples = self.lock();
        samples.completed += 1;
        samples.first.push(first_us);
    }

    /// Counts a failure under its name.
    pub(super) fn fail(&self, name: String) {
        *self.lock().failures.entry(name).or_default() += 1;
    }

    /// Returns the result of the command.
    pub(super) fn outcome(&self, elapsed_us: u64) -> Outcome {
        let Samples { completed, failures, chunks, first, whole, lag } = std::mem::take(&mut *self.lock());
        let [first, whole, lag] = [first, whole, lag].map(Latency::of);
        Outcome { elapsed_us, completed, failures, chunks, first, whole, lag }
    }
}
