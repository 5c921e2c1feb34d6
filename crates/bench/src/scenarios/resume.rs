//! Resumed streams of turns that have ended and of turns that run.

use anyhow::Result;

use super::measure::{Bench, Values, float, micros_to_ms};
use super::open::merge;
use super::{Extent, Found, turns};
use crate::answer::Answer;
use crate::load::{Command, SimpleRequest};
use crate::upstream;

/// Turns that run while others are resumed.
const RUNNING: u64 = 64;

/// Measures both kinds of turns, one request after the other.
pub(super) fn resumed_streams(bench: &mut Bench, extent: Extent) -> Result<Found> {
    let mut values = Values::default();
    let count = extent.pick(100, 1000);
    turns::run(bench, 4, 200, Answer::TURN)?;
    let ended =
        bench.measure(&Command::Requests { request: SimpleRequest::ResumeEnded, count, pause_us: 0 })?;
    values.set("ended_p50_ms", micros_to_ms(ended.outcome.whole.p50));
    values.set("ended_p99_ms", micros_to_ms(ended.outcome.whole.p99));
    values.set_cpu("ended_cpu_ms", ended.server, float(count));

    bench.load.run(&Command::Sessions { count: RUNNING, answer: Answer::SLOW })?;
    bench.load.run(&Command::Open { streams: RUNNING, at_a_time: 64, answer: Answer::SLOW })?;
    let running =
        bench.measure(&Command::Requests { request: SimpleRequest::ResumeRunning, count, pause_us: 0 })?;
    values.set("running_first_p50_ms", micros_to_ms(running.outcome.first.p50));
    values.set("running_first_p99_ms", micros_to_ms(running.outcome.first.p99));
    values.set_cpu("running_cpu_ms", running.server, float(count));
    upstream::finish_slow_answers(bench.upstream_address)?;
    let drained = bench.load.run(&Command::Drain)?;
    let failures = merge([ended.outcome.failures, running.outcome.failures, drained.failures]);
    Ok(Found::new(values, failures, ended.is_void || running.is_void))
}
