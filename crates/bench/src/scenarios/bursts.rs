//! Unusual loads: one very long answer, and many clients at once.

use anyhow::Result;

use super::measure::{Bench, Values, float, micros_to_ms};
use super::{Found, turns};
use crate::answer::Answer;

/// Clients that send at the same time.
const CROWD: u64 = 2000;

/// Measures an answer of 100,000 chunks that the upstream sends as fast as it can.
pub(super) fn long_answer(bench: &mut Bench) -> Result<Found> {
    turns::run(bench, 1, 16, Answer::TURN)?;
    let resident_before = bench.server.resident_kib()?;
    let measured = turns::run(bench, 1, 1, Answer::LONG)?;
    let mut values = Values::default();
    values.set("whole_ms", micros_to_ms(measured.outcome.whole.p50));
    values.set_cpu("cpu_ms_per_1000_chunks", measured.server, float(measured.outcome.chunks) / 1000.0);
    let grown = bench.server.resident_kib()?.saturating_sub(resident_before);
    values.set("grown_mib", float(grown) / 1024.0);
    Ok(Found::new(values, measured.outcome.failures, measured.is_void))
}

/// Measures clients that all send one message at the same time.
///
/// A turn that is refused is a failure; the report shows its code.
pub(super) fn crowd(bench: &mut Bench) -> Result<Found> {
    turns::run(bench, 16, 128, Answer::TURN)?;
    let measured = turns::run(bench, usize::try_from(CROWD)?, CROWD, Answer::TURN)?;
    let mut values = Values::default();
    let outcome = &measured.outcome;
    values.set("served", float(outcome.completed));
    values.set("elapsed_ms", micros_to_ms(measured.elapsed_us));
    values.set("p50_ms", micros_to_ms(outcome.whole.p50));
    values.set("p99_ms", micros_to_ms(outcome.whole.p99));
    values.set_cpu("cpu_ms_per_turn", measured.server, float(CROWD));
    Ok(Found::new(values, measured.outcome.failures, measured.is_void))
}
