//! Generation record of an answer, planned before the answer starts.

use super::bill::Bill;
use super::reply::Finish;

/// Parts of a generation record that are known before the answer starts.
#[derive(Clone, Debug)]
pub(crate) struct GenerationPlan {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) provider: &'static str,
    /// Seconds since the epoch.
    pub(crate) created: u64,
    pub(crate) streamed: bool,
    pub(crate) finish: Option<Finish>,
    pub(crate) bill: Bill,
    /// Number of look-ups with status 404 although the record exists.
    pub(crate) misses: u64,
}
