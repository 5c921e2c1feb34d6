//! Scenarios with many stored rows: turns in a store of a million messages, lists and reports.

use anyhow::Result;
use jiff::Timestamp;

use super::measure::{Bench, Values, float, micros_to_ms};
use super::open::merge;
use super::{Extent, Found, turns};
use crate::answer::Answer;
use crate::clock;
use crate::load::{Command, SimpleRequest};
use crate::servers::Copies;

/// Turns that are stored by the server before their rows are copied.
const BASE: u64 = 1000;
/// Rows of a full store: messages, or rows of the ledger.
const ROWS: u64 = 1_000_000;

/// Days of a report, which are more than those of the copies.
const REPORTED_DAYS: i64 = 60;

/// Measures turns in an empty store, and in the same store with a million messages more.
pub(super) fn million_messages(mut bench: Bench, extent: Extent) -> Result<Found> {
    let mut values = Values::default();
    turns::run(&mut bench, 8, BASE, Answer::TURN)?;
    let mut failures = Vec::new();
    let mut is_void = false;
    for name in ["empty", "full"] {
        if name == "full" {
            bench = bench.restart_with(Copies { table: "messages", rows: extent.pick(ROWS / 10, ROWS) })?;
            bench.settle()?;
        }
        for (kind, found) in [
            ("one", turns::one_client(&mut bench, extent)?),
            ("many", turns::closed_loop(&mut bench, 64, extent)?),
            ("paced", turns::paced(&mut bench, 16, extent)?),
        ] {
            let Values(of_kind) = found.values;
            for (value, number) in of_kind.into_iter().filter(|(value, _)| !value.ends_with("percent")) {
                values.set(&format!("{kind}_{value}_{name}"), number);
            }
            failures.push(found.failures);
            is_void |= found.is_void;
        }
    }
    Ok(Found::new(values, merge(failures), is_void))
}

/// Measures lists, and reports over a million rows of the ledger, as an admin and as a user.
pub(super) fn lists_and_reports(mut bench: Bench, extent: Extent) -> Result<Found> {
    let user = bench.create_user()?;
    turns::run(&mut bench, 8, BASE / 2, Answer::TURN)?;
    bench.use_key(Some(&user))?;
    turns::run(&mut bench, 8, BASE / 2, Answer::TURN)?;
    bench = bench.restart_with(Copies { table: "ai_usage", rows: extent.pick(ROWS / 10, ROWS) })?;
    // Reports of a server that has run for a while: it has summarized the ledger.
    bench.settle()?;

    let mut values = Values::default();
    let mut failures = Vec::new();
    let mut slowest: f64 = 0.0;
    for (who, key) in [("admin", None), ("user", Some(&user))] {
        bench.use_key(key)?;
        for (name, path) in paths()? {
            let request = SimpleRequest::Get(path);
            bench.load.run(&Command::Requests { request: request.clone(), count: 2, pause_us: 0 })?;
            let measured =
                bench.measure(&Command::Requests { request, count: extent.pick(5, 15), pause_us: 0 })?;
            let p50 = micros_to_ms(measured.outcome.whole.p50);
            values.set(&format!("{name}_{who}_ms"), p50);
            if name.starts_with("usage_by") {
                slowest = slowest.max(p50);
            }
            failures.push(measured.outcome.failures);
        }
    }
    values.set("slowest_report_ms", slowest);
    values.set("resident_mib", float(bench.server.resident_kib()?) / 1024.0);
    Ok(Found::new(values, merge(failures), false))
}

/// Returns the measured requests with their names.
fn paths() -> Result<Vec<(String, String)>> {
    let from = Timestamp::from_second(clock::unix_seconds() - REPORTED_DAYS * 86_400)?;
    let lists = [
        ("sessions", "/sessions"),
        ("usage_records", "/usage/records"),
        ("models", "/models"),
        ("me", "/me"),
    ];
    let mut paths: Vec<_> = lists.map(|(name, path)| (name.to_owned(), path.to_owned())).into();
    for grouping in ["day", "model", "tool", "user", "group"] {
        for (zone, parameter) in [("utc", "UTC"), ("kolkata", "Asia/Kolkata")] {
            let path = format!("/usage?group_by={grouping}&from={from}&tz={parameter}");
            paths.push((format!("usage_by_{grouping}_{zone}"), path));
        }
    }
    Ok(paths)
}
