//! Scenarios of a run. Each starts a server of its own, with an empty database.

mod measure;
mod turns;

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use self::measure::{Bench, Values};
use crate::load::Target;
use crate::process::{Cores, Process};
use crate::record::Record;
use crate::servers::{Server, ServerKind, Setup};

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// First delta and whole turn of one client.
    C1,
    /// 64 clients in a closed loop.
    C64,
    /// 16 clients whose chunks arrive 5 ms apart.
    Paced,
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

/// Duration of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// For a trial of the benchmark.
    Fast,
    Full,
}

impl Extent {
    fn pick<T>(self, fast: T, full: T) -> T {
        match self {
            Extent::Fast => fast,
            Extent::Full => full,
        }
    }
}

/// Values that a scenario found.
#[derive(Debug)]
struct Found {
    values: Values,
    failures: BTreeMap<String, u64>,
    is_void: bool,
}

impl Found {
    fn new(values: Values, failures: BTreeMap<String, u64>, is_void: bool) -> Self {
        Found { values, failures, is_void }
    }
}

impl Scenario {
    /// Scenarios of the first table of the report.
    pub(crate) const OVERVIEW: [Scenario; 3] = [Scenario::C1, Scenario::C64, Scenario::Paced];

    /// Returns the servers that the scenario compares.
    fn applies_to(self, _server: ServerKind) -> bool {
        true
    }

    /// Runs the scenario with a server; `None` if it does not apply to it.
    pub(crate) fn run(
        self,
        kind: ServerKind,
        setup: &Setup,
        cores: Cores,
        extent: Extent,
        round: u32,
    ) -> Result<Option<Record>> {
        if !self.applies_to(kind) {
            return Ok(None);
        }
        let context = || format!("{self}, {kind}, round {round}");
        let Found { values, failures, is_void } =
            self.measure(kind, setup, cores, extent).with_context(context)?;
        let Values(values) = values;
        Ok(Some(Record { scenario: self.to_string(), server: kind, round, values, failures, is_void }))
    }

    fn measure(self, kind: ServerKind, setup: &Setup, cores: Cores, extent: Extent) -> Result<Found> {
        let mut upstream = Process::start_self(&["upstream"], cores.upstream)?;
        let server = Server::start(kind, setup, upstream.read_address()?)?;
        let target: Target = server.target.clone();
        let mut bench = Bench::new(server, &target, upstream.id(), cores)?;
        match self {
            Scenario::C1 => turns::one_client(&mut bench, extent),
            Scenario::C64 => turns::closed_loop(&mut bench, 64, extent),
            Scenario::Paced => turns::paced(&mut bench, 16, extent),
        }
    }
}
