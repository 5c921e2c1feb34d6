//! Usage: reports on the ledger, and the reconciliation of costs that were not reported.

pub(crate) mod estimates;
mod lookup_rotation;
pub(crate) mod reconciliation;
pub(crate) mod reports;
