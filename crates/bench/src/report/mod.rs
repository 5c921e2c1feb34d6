//! The report of a run: text for the terminal, and `docs/benchmarks.md`.

mod details;
mod overview;
mod table;
mod targets;

use crate::record::{Machine, Run};

const INTRODUCTION: &str = "\
# Benchmarks

`cargo xtask bench` measures `causerie` beside two references that it builds with the same profile and allocator:

- **H** is a proxy on hyper with one thread and pooled connections. It parses no body and keeps nothing.
- **H, storing** also commits the user message and a ledger row to SQLite (WAL, `synchronous = FULL`, group commit) \
before it asks the upstream, and the answer before the client receives its end.

`causerie` runs with its defaults, authentication, permissions, ledger and log included, except for the limits below.
Each server has one core, which it shares with PostgreSQL; upstream and load generator have another one.
The rounds of all servers alternate, and each starts with an empty database. A figure is the median of the rounds; \
scenarios that the overview does not contain have one round.
A round in which upstream or load generator used more than 80 % of their core is void for rates and latencies.
CPU time is user and system time of the server, for PostgreSQL with the database's own.

`cargo xtask bench --write` writes this page.
";

const REASONS: &str = "[Speed](decisions/speed.md) has the reasons of those that are not met.\n";

/// Returns the text of a run.
pub(crate) fn text(run: &Run) -> String {
    let mut text = String::new();
    if let Some(table) = overview::table(run) {
        text.push_str(&table.to_markdown());
        text.push('\n');
    }
    if let Some(table) = targets::table(run) {
        text.push_str(&table.to_markdown());
        text.push('\n');
    }
    for scenario in details::scenarios(run) {
        text.push_str(&details::table(run, scenario).to_markdown());
        text.push('\n');
    }
    text.push_str(&conditions(run));
    let failures = details::failures(run);
    if failures.is_empty() {
        text.push_str("No turn and no request failed.\n");
    } else {
        text.push_str(&format!("Failed turns and requests:\n\n- {}\n", failures.join("\n- ")));
    }
    text
}

/// Returns the page of the documentation.
pub(crate) fn page(run: &Run) -> String {
    let mut page = format!("{INTRODUCTION}\n## Overview\n\n");
    if let Some(table) = overview::table(run) {
        page.push_str(&table.to_markdown());
        page.push('\n');
    }
    if let Some(table) = targets::table(run) {
        page.push_str(&format!("## Targets\n\n{}\n{REASONS}\n", table.to_markdown()));
    }
    page.push_str("## Scenarios\n\n");
    for scenario in details::scenarios(run) {
        page.push_str(&format!("{}\n", details::table(run, scenario).to_markdown()));
    }
    page.push_str(&format!("## Conditions\n\n{}", conditions(run)));
    let failures = details::failures(run);
    if failures.is_empty() {
        page.push_str("No turn and no request failed.\n");
    } else {
        page.push_str(&format!("\nFailed turns and requests:\n\n- {}\n", failures.join("\n- ")));
    }
    page
}

fn conditions(run: &Run) -> String {
    let Machine { processor, kernel, cores, open_files } = &run.machine;
    let settings: Vec<String> =
        run.settings.iter().map(|(name, value)| format!("`{name}={value}`")).collect();
    let trial =
        if run.is_fast { "Trial with short measurements: the figures are not comparable.\n" } else { "" };
    format!(
        "{trial}Rounds: {}. Machine: {processor}, {cores} cores, Linux {kernel}; {}. Limit of open files: {open_files}.\n\
         Settings: {}.\n",
        run.rounds,
        run.cores,
        settings.join(", ")
    )
}
