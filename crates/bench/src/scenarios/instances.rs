//! Round trips to PostgreSQL, and two instances on one database.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::measure::{Bench, Values, float, ratio};
use super::open::merge;
use super::{Extent, Found, turns};
use crate::answer::Answer;
use crate::load::{Command, LoadProcess};

/// Clients of each instance.
const CLIENTS: usize = 16;
/// Time added to each round trip to the database.
pub(super) const DELAY: Duration = Duration::from_millis(5);

/// Settings with which no turn of a scenario is flushed. All running turns share a flush, so it belongs to none of them.
pub(super) const RARE_FLUSHES: [(&str, &str); 2] =
    [("CAUSERIE_FLUSH_INTERVAL_MS", "60000"), ("CAUSERIE_LEASE_MS", "3600000")];

/// Counts the round trips of a turn without flushes. Those that an idle server makes in the same time are subtracted.
pub(super) fn round_trips(bench: &mut Bench, extent: Extent) -> Result<Found> {
    let count = extent.pick(60, 400);
    turns::run(bench, 1, count / 4, Answer::TURN)?;
    let idle = Duration::from_secs(extent.pick(2, 10));
    let before = bench.trips()?;
    bench.idle(idle)?;
    let per_second = float(bench.trips()? - before) / idle.as_secs_f64();
    // The sessions exist before the count starts.
    bench.load.run(&Command::Sessions { count, answer: Answer::TURN })?;
    let before = bench.trips()?;
    let measured = bench.measure(&Command::Turns {
        turns: count,
        answer: Answer::TURN,
        per_session: turns::PER_SESSION,
    })?;
    let trips = float(bench.trips()? - before);
    let shared = per_second * float(measured.elapsed_us) / 1e6;
    let mut values = Values::default();
    values.set("round_trips_per_turn", (trips - shared).max(0.0) / float(count));
    values.set("idle_round_trips_per_s", per_second);
    Ok(Found::new(values, measured.outcome.failures, measured.is_void))
}

/// Measures the turns per second of one instance, and of two on the same database.
pub(super) fn two_instances(bench: &mut Bench, extent: Extent) -> Result<Found> {
    let count = extent.pick(64, 1024);
    let of_load = |load: &mut LoadProcess| {
        load.run(&Command::Sessions { count: count / turns::PER_SESSION + 64, answer: Answer::TURN })?;
        load.run(&Command::Connect { clients: CLIENTS })?;
        load.run(&Command::Turns { turns: count, answer: Answer::TURN, per_session: turns::PER_SESSION })
    };
    of_load(&mut bench.load)?;
    let one = of_load(&mut bench.load)?;
    let (_server, mut second) = bench.second_instance()?;
    of_load(&mut second)?;
    let (first, second) = std::thread::scope(|scope| {
        let second = scope.spawn(|| of_load(&mut second));
        let first = of_load(&mut bench.load);
        (first, second.join())
    });
    let (first, second) = (first?, second.ok().context("a load generator failed")??);
    let rate = |completed: u64, elapsed: u64| ratio(completed * 1_000_000, elapsed);
    let mut values = Values::default();
    let alone = rate(one.completed, one.elapsed_us);
    let together = rate(first.completed, first.elapsed_us) + rate(second.completed, second.elapsed_us);
    values.set("one_turns_per_s", alone);
    values.set("two_turns_per_s", together);
    values.set("two_to_one", together / alone);
    Ok(Found::new(values, merge([one.failures, first.failures, second.failures]), false))
}
