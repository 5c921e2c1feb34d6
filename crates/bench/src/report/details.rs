//! Tables with every value of a scenario: medians of the rounds, one column per server.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Table, number};
use crate::record::{Record, Run};
use crate::servers::ServerKind;
use crate::stats::median;

/// Returns the scenarios of a run in the order in which they ran.
pub(super) fn scenarios(run: &Run) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for record in &run.records {
        if !names.contains(&record.scenario.as_str()) {
            names.push(&record.scenario);
        }
    }
    names
}

/// Returns the table of a scenario. Void rounds are counted in its last row and do not count elsewhere, except for CPU
/// time and memory.
pub(super) fn table(run: &Run, scenario: &str) -> Table {
    let records = || run.records.iter().filter(|record| record.scenario == scenario);
    let servers: BTreeSet<ServerKind> = records().map(|record| record.server).collect();
    let names: BTreeSet<&str> =
        records().flat_map(|record| record.values.keys().map(String::as_str)).collect();
    let mut heading = vec![scenario.to_owned()];
    heading.extend(servers.iter().map(ToString::to_string));
    let mut table = Table::new(heading);
    for name in names {
        let cell = |server: &ServerKind| {
            median(run.values(scenario, *server, name, is_rate(name))).map_or_else(|| "–".into(), number)
        };
        table.push(std::iter::once(name.replace('_', " ")).chain(servers.iter().map(cell)).collect());
    }
    let voids = |server: &ServerKind| {
        let own: Vec<&Record> = records().filter(|record| record.server == *server).collect();
        format!("{} of {}", own.iter().filter(|record| record.is_void).count(), own.len())
    };
    table.push(std::iter::once("void rounds".to_owned()).chain(servers.iter().map(voids)).collect());
    table
}

/// Returns whether a value depends on the speed of upstream and load generator.
pub(super) fn is_rate(name: &str) -> bool {
    !["cpu", "percent", "kib", "mib"].iter().any(|word| name.split('_').any(|part| part == *word))
}

/// Returns all failures of a run by kind, with the scenario and the server.
pub(super) fn failures(run: &Run) -> Vec<String> {
    let mut counts = BTreeMap::<String, u64>::new();
    for record in &run.records {
        for (kind, count) in &record.failures {
            *counts.entry(format!("{}, {}: {kind}", record.scenario, record.server)).or_default() += count;
        }
    }
    counts.into_iter().map(|(kind, count)| format!("{kind}: {count}")).collect()
}
