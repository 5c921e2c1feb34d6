//! Many open streams with a chunk every two seconds: memory, CPU time, and the latency of other requests meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use super::measure::{Bench, Values, float, micros_to_ms, ratio};
use super::{Extent, Found};
use crate::answer::Answer;
use crate::load::{Command, SimpleRequest};
use crate::upstream;

/// Streams that wait for their first chunk at the same time.
const AT_A_TIME: usize = 64;
/// Time after which the server has stored the ends of the answers and closed its connections.
const SETTLE: Duration = Duration::from_secs(5);

/// Measures a number of open streams.
pub(super) fn open_streams(bench: &mut Bench, streams: u64, extent: Extent) -> Result<Found> {
    let mut values = Values::default();
    bench.load.run(&Command::Sessions { count: streams, answer: Answer::SLOW })?;
    let resident_before = bench.server.resident_kib()?;
    let at_a_time = AT_A_TIME;
    let opened = bench.measure(&Command::Open { streams, at_a_time, answer: Answer::SLOW })?;
    values.set("opened_per_s", ratio(opened.outcome.completed * 1_000_000, opened.elapsed_us));

    let idle = bench.idle(Duration::from_secs(extent.pick(5, 10)))?;
    values.set("idle_cpu_percent", idle);
    let request = SimpleRequest::Get("/me".into());
    let others =
        bench.measure(&Command::Requests { request, count: extent.pick(200, 1000), pause_us: 5000 })?;
    values.set("get_me_p50_ms", micros_to_ms(others.outcome.whole.p50));
    values.set("get_me_p99_ms", micros_to_ms(others.outcome.whole.p99));
    let resident_open = bench.server.resident_kib()?;
    let grown = resident_open.saturating_sub(resident_before);
    values.set("kib_per_stream", ratio(grown, opened.outcome.completed.max(1)));
    values.set("before_mib", float(resident_before) / 1024.0);
    values.set("open_mib", float(resident_open) / 1024.0);

    upstream::finish_slow_answers(bench.upstream_address)?;
    let drained = bench.measure(&Command::Drain)?;
    std::thread::sleep(SETTLE);
    values.set("after_mib", float(bench.server.resident_kib()?) / 1024.0);
    values.set("lag_p99_ms", micros_to_ms(drained.outcome.lag.p99));
    let failures = [opened.outcome.failures, others.outcome.failures, drained.outcome.failures];
    Ok(Found::new(values, merge(failures), others.is_void))
}

/// Adds up failures of several commands.
pub(super) fn merge(all: impl IntoIterator<Item = BTreeMap<String, u64>>) -> BTreeMap<String, u64> {
    let mut sum = BTreeMap::new();
    for (kind, count) in all.into_iter().flatten() {
        *sum.entry(kind).or_default() += count;
    }
    sum
}
