//! The table with one row per server: medians of the rounds, and their ratios to a reference.

use super::table::{Table, number};
use crate::record::Run;
use crate::servers::ServerKind;
use crate::stats::median;

const SERVERS: [ServerKind; 4] =
    [ServerKind::Reference, ServerKind::StoringReference, ServerKind::Sqlite, ServerKind::Postgres];

/// A column of the table.
#[derive(Debug)]
struct Column {
    heading: &'static str,
    scenario: &'static str,
    value: &'static str,
    /// Rates and latencies do not count in void rounds.
    is_rate: bool,
    reference: ServerKind,
}

const COLUMNS: [Column; 8] = [
    Column::latency("first delta c1, ms", "c1", "first_ms"),
    Column::latency("whole turn c1, ms", "c1", "whole_ms"),
    Column::latency("turns/s c64", "c64", "turns_per_s"),
    Column::latency("p99 c64, ms", "c64", "p99_ms"),
    Column::cost("CPU ms/turn", "c64", "cpu_ms_per_turn"),
    Column::cost("CPU ms/1000 paced chunks", "paced", "cpu_ms_per_1000_chunks"),
    Column { is_rate: true, ..Column::cost("paced lag p99, ms", "paced", "lag_p99_ms") },
    Column::cost("KiB/open stream of 1,000", "open1000", "kib_per_stream"),
];

impl Column {
    /// Returns a column that is compared with the reference that stores as well.
    const fn latency(heading: &'static str, scenario: &'static str, value: &'static str) -> Self {
        Column { heading, scenario, value, is_rate: true, reference: ServerKind::StoringReference }
    }

    /// Returns a column that is compared with the reference that keeps nothing.
    const fn cost(heading: &'static str, scenario: &'static str, value: &'static str) -> Self {
        Column { heading, scenario, value, is_rate: false, reference: ServerKind::Reference }
    }

    fn median(&self, run: &Run, server: ServerKind, value: &str) -> Option<f64> {
        median(run.values(self.scenario, server, value, self.is_rate))
    }

    fn heading(&self) -> String {
        match self.reference {
            ServerKind::StoringReference => format!("{} (× H, storing)", self.heading),
            _ => format!("{} (× H)", self.heading),
        }
    }

    /// Returns the value of a server with its ratio, and with the part of the program if a database has its own.
    fn cell(&self, run: &Run, server: ServerKind) -> String {
        let Some(value) = self.median(run, server, self.value) else { return "–".into() };
        let reference = self.median(run, self.reference, self.value);
        let with_ratio = |value: f64| match reference.filter(|reference| *reference > 0.0) {
            Some(reference) => format!("{} ({:.2})", number(value), value / reference),
            None => number(value),
        };
        match self.median(run, server, &format!("own_{}", self.value)) {
            Some(own) => format!("{}, own {}", with_ratio(value), with_ratio(own)),
            None => with_ratio(value),
        }
    }
}

/// Returns the table, with the columns and servers that were measured.
pub(super) fn table(run: &Run) -> Option<Table> {
    let is_measured = |scenario: &str| run.records.iter().any(|record| record.scenario == scenario);
    let columns: Vec<&Column> = COLUMNS.iter().filter(|column| is_measured(column.scenario)).collect();
    if columns.is_empty() {
        return None;
    }
    let mut heading = vec!["server".to_owned()];
    heading.extend(columns.iter().map(|column| column.heading()));
    let mut table = Table::new(heading);
    for server in
        SERVERS.into_iter().filter(|server| run.records.iter().any(|record| record.server == *server))
    {
        let mut row = vec![server.to_string()];
        row.extend(columns.iter().map(|column| column.cell(run, server)));
        table.push(row);
    }
    Some(table)
}
