//! Targets of the benchmark, each with what a run found.

use super::table::{Table, number};
use crate::record::Run;
use crate::servers::ServerKind;
use crate::servers::ServerKind::{Postgres, Reference, Sqlite, StoringReference};
use crate::stats::median;

/// Value of a scenario with a server.
#[derive(Debug, Clone, Copy)]
struct Value {
    scenario: &'static str,
    server: ServerKind,
    name: &'static str,
}

/// What a target compares.
#[derive(Debug, Clone, Copy)]
enum Measure {
    Plain(Value),
    /// The first value divided by the second one.
    Ratio(Value, Value),
}

/// Largest or smallest permitted measure.
#[derive(Debug, Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

#[derive(Debug, Clone, Copy)]
struct Target {
    name: &'static str,
    measure: Measure,
    bound: Bound,
}

const fn value(scenario: &'static str, server: ServerKind, name: &'static str) -> Value {
    Value { scenario, server, name }
}

const fn of(name: &'static str, value: Value, bound: Bound) -> Target {
    Target { name, measure: Measure::Plain(value), bound }
}

/// Returns a target for the value of a server divided by that of another one.
const fn to(name: &'static str, found: Value, reference: ServerKind, bound: Bound) -> Target {
    ratio(name, found, Value { server: reference, ..found }, bound)
}

/// Returns a target for a value divided by another one.
const fn ratio(name: &'static str, found: Value, reference: Value, bound: Bound) -> Target {
    Target { name, measure: Measure::Ratio(found, reference), bound }
}

const fn at_most(most: f64) -> Bound {
    Bound::AtMost(most)
}

const TARGETS: [Target; 20] = [
    to("CPU per turn, × H", value("c64", Sqlite, "cpu_ms_per_turn"), Reference, at_most(2.0)),
    to("CPU per paced chunk, × H", value("paced", Sqlite, "cpu_ms_per_1000_chunks"), Reference, at_most(1.3)),
    to("first delta, × H, storing", value("c1", Sqlite, "first_ms"), StoringReference, at_most(1.5)),
    to("whole turn, × H, storing", value("c1", Sqlite, "whole_ms"), StoringReference, at_most(2.0)),
    to("turns/s, × H, storing", value("c64", Sqlite, "turns_per_s"), StoringReference, Bound::AtLeast(1.0)),
    to("p99, × H, storing", value("c64", Sqlite, "p99_ms"), StoringReference, at_most(1.5)),
    to("paced lag p99, × H", value("paced", Sqlite, "lag_p99_ms"), Reference, at_most(1.5)),
    of("KiB per open stream of 9,500", value("open9500", Sqlite, "kib_per_stream"), at_most(25.0)),
    of("9,500 open streams, MiB", value("open9500", Sqlite, "open_mib"), at_most(285.0)),
    of("`GET /me` beside them, p99, ms", value("open9500", Sqlite, "get_me_p99_ms"), at_most(10.0)),
    ratio(
        "CPU per turn in a full store, × empty",
        value("million", Sqlite, "many_cpu_ms_per_turn_full"),
        value("million", Sqlite, "many_cpu_ms_per_turn_empty"),
        at_most(1.1),
    ),
    ratio(
        "CPU per paced chunk in a full store, × empty",
        value("million", Sqlite, "paced_cpu_ms_per_1000_chunks_full"),
        value("million", Sqlite, "paced_cpu_ms_per_1000_chunks_empty"),
        at_most(1.1),
    ),
    of("slowest usage report, ms", value("reports", Sqlite, "slowest_report_ms"), at_most(150.0)),
    of(
        "slowest usage report, PostgreSQL, ms",
        value("reports", Postgres, "slowest_report_ms"),
        at_most(150.0),
    ),
    of("round trips per turn, PostgreSQL", value("trips", Postgres, "round_trips_per_turn"), at_most(6.0)),
    to(
        "own CPU per turn, PostgreSQL, × H",
        value("c64", Postgres, "own_cpu_ms_per_turn"),
        Reference,
        at_most(2.0),
    ),
    to("CPU per turn, PostgreSQL, × H", value("c64", Postgres, "cpu_ms_per_turn"), Reference, at_most(6.0)),
    to(
        "KiB per open stream of 1,000, PostgreSQL, × SQLite",
        value("open1000", Postgres, "kib_per_stream"),
        Sqlite,
        at_most(1.0),
    ),
    to(
        "idle CPU of 1,000 open streams, PostgreSQL, × SQLite",
        value("open1000", Postgres, "idle_cpu_percent"),
        Sqlite,
        at_most(1.0),
    ),
    of("two instances, × one", value("instances", Postgres, "two_to_one"), Bound::AtLeast(1.6)),
];

impl Value {
    fn median(self, run: &Run) -> Option<f64> {
        // `own_cpu` of a reference is its CPU.
        let name = match self.server {
            Reference | StoringReference => self.name.trim_start_matches("own_"),
            Sqlite | Postgres => self.name,
        };
        // CPU time and memory also count in void rounds.
        let is_rate = super::details::is_rate(name);
        median(run.values(self.scenario, self.server, name, is_rate))
    }
}

impl Measure {
    fn found(self, run: &Run) -> Option<f64> {
        match self {
            Measure::Plain(value) => value.median(run),
            Measure::Ratio(value, reference) => {
                let reference = reference.median(run).filter(|reference| *reference > 0.0)?;
                Some(value.median(run)? / reference)
            }
        }
    }
}

impl Bound {
    fn permits(self, found: f64) -> bool {
        match self {
            Bound::AtMost(most) => found <= most,
            Bound::AtLeast(least) => found >= least,
        }
    }

    fn text(self) -> String {
        match self {
            Bound::AtMost(most) => format!("≤ {}", number(most)),
            Bound::AtLeast(least) => format!("≥ {}", number(least)),
        }
    }
}

/// Returns the table of the targets whose scenarios were measured; `None` if there is none.
pub(super) fn table(run: &Run) -> Option<Table> {
    let mut table = Table::new(["target", "bound", "found", ""].map(str::to_owned).into());
    let mut is_empty = true;
    for target in &TARGETS {
        let Some(found) = target.measure.found(run) else { continue };
        let verdict = if target.bound.permits(found) { "met" } else { "not met" };
        table.push(vec![target.name.to_owned(), target.bound.text(), number(found), verdict.to_owned()]);
        is_empty = false;
    }
    (!is_empty).then_some(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Machine, Record};

    #[test]
    fn a_target_compares_the_medians_of_two_servers() {
        let record = |server, value: f64| Record {
            scenario: "c64".into(),
            server,
            round: 0,
            values: [("cpu_ms_per_turn".to_owned(), value)].into(),
            failures: Default::default(),
            is_void: false,
        };
        let records = [(Reference, 0.4), (Reference, 0.5), (Reference, 0.6), (Sqlite, 1.5)];
        let run = Run {
            machine: Machine::default(),
            is_fast: false,
            rounds: 3,
            cores: String::new(),
            settings: Default::default(),
            records: records.map(|(server, value)| record(server, value)).into(),
        };
        let text = table(&run).map(|table| table.to_markdown()).unwrap_or_default();
        assert!(text.contains("| CPU per turn, × H | ≤ 2.00 | 3.00  | not met |"), "{text}");
    }
}
