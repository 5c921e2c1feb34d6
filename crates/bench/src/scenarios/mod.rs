//! Scenarios of a run. Each starts a server of its own, with an empty database.

mod bursts;
mod instances;
mod measure;
mod open;
mod resume;
mod stored;
mod turns;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use self::measure::{Bench, Values};
use crate::process::Cores;
use crate::record::Record;
use crate::servers::{ServerKind, Setup};

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// First delta and whole turn of one client.
    C1,
    /// 64 clients in a closed loop.
    C64,
    /// 16 clients whose chunks arrive 5 ms apart.
    Paced,
    /// 1,000 open slow streams.
    Open1000,
    /// 9,500 open slow streams.
    Open9500,
    /// Resumed streams of ended and running turns.
    Resume,
    /// The route `/v1/chat/completions` beside the native one.
    V1,
    /// One answer of 100,000 chunks.
    Long,
    /// 2,000 clients that send at once.
    Crowd,
    /// Turns in a store of a million messages.
    Million,
    /// Lists, and reports over a million rows of the ledger.
    Reports,
    /// Round trips to PostgreSQL.
    Trips,
    /// Two instances on one database of PostgreSQL.
    Instances,
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
    pub(crate) const OVERVIEW: [Scenario; 4] =
        [Scenario::C1, Scenario::C64, Scenario::Paced, Scenario::Open1000];

    /// Returns whether a server has what the scenario measures.
    fn applies_to(self, server: ServerKind) -> bool {
        use Scenario::{Instances, Million, Reports, Resume, Trips, V1};
        match self {
            Trips | Instances => server == ServerKind::Postgres,
            Resume | V1 | Million | Reports => server.is_causerie(),
            _ => true,
        }
    }

    /// Returns whether the scenario runs in a round: those of the overview run in all, the other ones in the first.
    pub(crate) fn is_in_round(self, round: u32) -> bool {
        round == 0 || Self::OVERVIEW.contains(&self)
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
        let delay = match self {
            Scenario::Trips => Some(Duration::ZERO),
            Scenario::Instances => Some(instances::DELAY),
            _ => None,
        };
        let mut setup = setup.clone();
        if self == Scenario::Trips {
            setup.settings.extend(instances::RARE_FLUSHES);
        }
        let mut bench = Bench::start(kind, &setup, cores, delay)?;
        match self {
            Scenario::C1 => turns::one_client(&mut bench, extent),
            Scenario::C64 => turns::closed_loop(&mut bench, 64, extent),
            Scenario::Paced => turns::paced(&mut bench, 16, extent),
            Scenario::Open1000 => open::open_streams(&mut bench, 1000, extent),
            Scenario::Open9500 => open::open_streams(&mut bench, 9500, extent),
            Scenario::Resume => resume::resumed_streams(&mut bench, extent),
            Scenario::V1 => turns::both_routes(&mut bench, extent),
            Scenario::Long => bursts::long_answer(&mut bench),
            Scenario::Crowd => bursts::crowd(&mut bench),
            Scenario::Million => stored::million_messages(bench, extent),
            Scenario::Reports => stored::lists_and_reports(bench, extent),
            Scenario::Trips => instances::round_trips(&mut bench, extent),
            Scenario::Instances => instances::two_instances(&mut bench, extent),
        }
    }
}
