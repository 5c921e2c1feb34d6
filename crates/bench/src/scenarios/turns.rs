//! Scenarios of ordinary turns: one client, many clients, paced answers.

use anyhow::Result;

use super::measure::{Bench, Measured, Values, float, micros_to_ms, ratio};
use super::open::merge;
use super::{Extent, Found};
use crate::answer::Answer;
use crate::load::{Command, Route};

/// Turns of a session before a client takes a new one: an ordinary short conversation.
pub(super) const PER_SESSION: u64 = 8;

/// Measures the latencies of one client.
pub(super) fn one_client(bench: &mut Bench, extent: Extent) -> Result<Found> {
    let turns = extent.pick(60, 400);
    run(bench, 1, turns / 4, Answer::TURN)?;
    let measured = run(bench, 1, turns, Answer::TURN)?;
    let mut values = Values::default();
    let outcome = &measured.outcome;
    values.set("first_ms", micros_to_ms(outcome.first.p50));
    values.set("whole_ms", micros_to_ms(outcome.whole.p50));
    values.set("whole_p99_ms", micros_to_ms(outcome.whole.p99));
    values.set_cpu("cpu_ms_per_turn", measured.server, float(turns));
    values.set_busy(&measured);
    Ok(Found::new(values, measured.outcome.failures, measured.is_void))
}

/// Measures the throughput of a number of clients in a closed loop.
///
/// The number of turns follows from the rate of the first ones, so that each server is measured for about the same time.
pub(super) fn closed_loop(bench: &mut Bench, clients: usize, extent: Extent) -> Result<Found> {
    let warm_up = run(bench, clients, extent.pick(256, 1024), Answer::TURN)?;
    let rate = ratio(warm_up.outcome.completed * 1_000_000, warm_up.elapsed_us);
    let turns = at_rate(rate, extent.pick(3, 12)).max(256);
    let measured = run(bench, clients, turns, Answer::TURN)?;
    let mut values = Values::default();
    let outcome = &measured.outcome;
    values.set("turns_per_s", ratio(outcome.completed * 1_000_000, measured.elapsed_us));
    values.set("p50_ms", micros_to_ms(outcome.whole.p50));
    values.set("p99_ms", micros_to_ms(outcome.whole.p99));
    values.set_cpu("cpu_ms_per_turn", measured.server, float(turns));
    values.set_busy(&measured);
    Ok(Found::new(values, measured.outcome.failures, measured.is_void))
}

/// Measures the cost and the lag of chunks that arrive one by one, 5 ms apart.
pub(super) fn paced(bench: &mut Bench, clients: usize, extent: Extent) -> Result<Found> {
    let clients_count = u64::try_from(clients)?;
    run(bench, clients, clients_count, Answer::paced(200))?;
    let (answer, rounds) = (Answer::paced(extent.pick(200, 1000)), extent.pick(2, 3));
    let measured = run(bench, clients, clients_count * rounds, answer)?;
    let mut values = Values::default();
    let outcome = &measured.outcome;
    values.set("lag_p50_ms", micros_to_ms(outcome.lag.p50));
    values.set("lag_p99_ms", micros_to_ms(outcome.lag.p99));
    values.set_cpu("cpu_ms_per_1000_chunks", measured.server, float(outcome.chunks) / 1000.0);
    values.set_busy(&measured);
    Ok(Found::new(values, measured.outcome.failures, measured.is_void))
}

/// Measures the closed loop and paced chunks on the native route and on that of OpenAI.
pub(super) fn both_routes(bench: &mut Bench, extent: Extent) -> Result<Found> {
    let mut values = Values::default();
    let (mut failures, mut is_void) = (Vec::new(), false);
    for (name, route) in [("native", Route::Native), ("v1", Route::Completions)] {
        bench.use_route(route)?;
        for (kind, found) in [("c64", closed_loop(bench, 64, extent)?), ("paced", paced(bench, 16, extent)?)]
        {
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

/// Runs turns with a number of clients. Their connections and sessions exist before the measurement starts.
pub(super) fn run(bench: &mut Bench, clients: usize, turns: u64, answer: Answer) -> Result<Measured> {
    let sessions = turns / PER_SESSION + u64::try_from(clients)?;
    bench.load.run(&Command::Sessions { count: sessions, answer })?;
    bench.load.run(&Command::Connect { clients })?;
    bench.measure(&Command::Turns { turns, answer, per_session: PER_SESSION })
}

/// Returns the number of turns of a duration.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is positive and small")]
fn at_rate(per_second: f64, seconds: u64) -> u64 {
    (per_second * float(seconds)) as u64
}
