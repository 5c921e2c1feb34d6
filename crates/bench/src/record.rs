//! Results of a run, as they are written to JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::servers::ServerKind;

/// Values of one scenario with one server in one round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) scenario: String,
    pub(crate) server: ServerKind,
    pub(crate) round: u32,
    /// Values by name, whose last part is the unit.
    pub(crate) values: BTreeMap<String, f64>,
    /// Turns and requests that failed, by kind.
    pub(crate) failures: BTreeMap<String, u64>,
    /// Upstream or load generator used too much of their core: rates and latencies do not count.
    pub(crate) is_void: bool,
}

/// A whole run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) machine: Machine,
    /// Whether the durations are those of a trial, whose figures are not comparable.
    pub(crate) is_fast: bool,
    pub(crate) rounds: u32,
    /// Assignment of processes to cores.
    pub(crate) cores: String,
    /// Settings of `causerie` that differ from the defaults.
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) records: Vec<Record>,
}

/// The machine of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) kernel: String,
    pub(crate) cores: usize,
    pub(crate) open_files: u64,
}

impl Run {
    /// Returns the values of a scenario, a server and a name, without those of void rounds if `is_rate`.
    pub(crate) fn values(&self, scenario: &str, server: ServerKind, name: &str, is_rate: bool) -> Vec<f64> {
        let records = self.records.iter().filter(|record| {
            record.scenario == scenario && record.server == server && !(is_rate && record.is_void)
        });
        records.filter_map(|record| record.values.get(name).copied()).collect()
    }
}
