//! A server with its load generator, and the cost of a command to each process.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::clock;
use crate::load::{Command, LoadProcess, Outcome, Target};
use crate::process::{Cores, usage};
use crate::servers::{CpuTime, Server};

/// Share of a core, in percent, above which upstream or load generator may delay the measured server.
const MAX_BUSY_PERCENT: f64 = 80.0;

/// A started server, its upstream and its load generator.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) load: LoadProcess,
    pub(super) server: Server,
    upstream: u32,
    cores: Cores,
}

/// Result and costs of a command.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) outcome: Outcome,
    pub(super) server: CpuTime,
    /// Time of the load generator from the start to the end of the command, in microseconds.
    pub(super) elapsed_us: u64,
    upstream_percent: f64,
    load_percent: f64,
    pub(super) is_void: bool,
}

impl Bench {
    /// Starts a load generator for a server; `upstream` is the process of its upstream.
    pub(super) fn new(server: Server, target: &Target, upstream: u32, cores: Cores) -> Result<Self> {
        let load = LoadProcess::start(target, cores.load)?;
        Ok(Bench { load, server, upstream, cores })
    }

    /// Runs a command and measures the processes meanwhile.
    pub(super) fn measure(&mut self, command: &Command) -> Result<Measured> {
        let before = self.sample()?;
        let start = clock::micros();
        let outcome = self.load.run(command)?;
        let wall_us = clock::micros() - start;
        let after = self.sample()?;
        let percent = |used: u64| ratio(used * 100, wall_us);
        let (upstream_percent, load_percent) =
            (percent(after.upstream - before.upstream), percent(after.load - before.load));
        let busiest = match self.cores.are_shared() {
            true => upstream_percent + load_percent,
            false => upstream_percent.max(load_percent),
        };
        Ok(Measured {
            elapsed_us: outcome.elapsed_us,
            outcome,
            server: CpuTime {
                own: after.server.own - before.server.own,
                database: after.server.database - before.server.database,
            },
            upstream_percent,
            load_percent,
            is_void: busiest > MAX_BUSY_PERCENT,
        })
    }

    fn sample(&self) -> Result<Sample> {
        Ok(Sample {
            server: self.server.cpu()?,
            upstream: usage::cpu_us(self.upstream)?,
            load: usage::cpu_us(self.load.id())?,
        })
    }
}

#[derive(Debug)]
struct Sample {
    server: CpuTime,
    upstream: u64,
    load: u64,
}

/// Values by name.
#[derive(Debug, Default)]
pub(super) struct Values(pub(super) BTreeMap<String, f64>);

impl Values {
    pub(super) fn set(&mut self, name: &str, value: f64) {
        self.0.insert(name.to_owned(), value);
    }

    /// Sets the CPU time of the server and of its database, divided by a number of turns or chunks.
    pub(super) fn set_cpu(&mut self, name: &str, cpu: CpuTime, divisor: f64) {
        self.set(name, micros_to_ms(cpu.own + cpu.database) / divisor);
        if cpu.database > 0 {
            self.set(&format!("own_{name}"), micros_to_ms(cpu.own) / divisor);
        }
    }

    /// Sets the share of a core that upstream and load generator used.
    pub(super) fn set_busy(&mut self, measured: &Measured) {
        self.set("upstream_percent", measured.upstream_percent);
        self.set("load_percent", measured.load_percent);
    }
}

/// Converts microseconds to milliseconds.
pub(super) fn micros_to_ms(micros: u64) -> f64 {
    float(micros) / 1000.0
}

/// Returns a quotient.
pub(super) fn ratio(numerator: u64, denominator: u64) -> f64 {
    float(numerator) / float(denominator)
}

/// Converts a count.
#[expect(clippy::cast_precision_loss, reason = "counts of a run are below 2^53")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}
