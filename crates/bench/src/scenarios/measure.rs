//! A server with its load generator, and the cost of a command to each process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::clock;
use crate::load::{Command, LoadProcess, Outcome, Route, Target};
use crate::process::{Cores, Process, usage};
use crate::servers::{Copies, CpuTime, Server, ServerKind, Setup, User};

/// Share of a core, in percent, above which upstream or load generator may delay the measured server.
const MAX_BUSY_PERCENT: f64 = 80.0;

/// A started server, its upstream and its load generator.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    pub(super) load: LoadProcess,
    pub(super) server: Server,
    pub(super) upstream_address: SocketAddr,
    upstream: Process,
    setup: &'a Setup,
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

impl<'a> Bench<'a> {
    /// Starts an upstream, a server of a kind, and a load generator. With `delay`, a relay is between the server and its
    /// database.
    pub(super) fn start(
        kind: ServerKind,
        setup: &'a Setup,
        cores: Cores,
        delay: Option<Duration>,
    ) -> Result<Self> {
        let mut upstream = Process::start_self(&["upstream"], cores.upstream)?;
        let upstream_address = upstream.read_address()?;
        let server = Server::start(kind, setup, upstream_address, delay)?;
        let load = LoadProcess::start(&server.target, cores.load)?;
        Ok(Bench { load, server, upstream_address, upstream, setup, cores })
    }

    /// Restarts the server with copies of its rows, and the load generator.
    pub(super) fn restart_with(self, copies: Copies) -> Result<Self> {
        let Bench { load, server, upstream_address, upstream, setup, cores } = self;
        drop(load);
        let server = server.restart_with(copies, setup, upstream_address)?;
        let load = LoadProcess::start(&server.target, cores.load)?;
        Ok(Bench { load, server, upstream_address, upstream, setup, cores })
    }

    /// Starts another instance on the same database, and a load generator for it.
    pub(super) fn second_instance(&self) -> Result<(Server, LoadProcess)> {
        let server = self.server.beside(self.setup, self.upstream_address)?;
        let load = LoadProcess::start(&server.target, self.cores.load)?;
        Ok((server, load))
    }

    /// Returns the number of round trips to the database through the relay so far.
    pub(super) fn trips(&self) -> Result<u64> {
        self.server.trips().context("the server has no relay")
    }

    /// Creates a user without special rights.
    pub(super) fn create_user(&self) -> Result<User> {
        self.server.create_user(self.setup)
    }

    /// Restarts the load generator with the key of a user, or with that of the admin.
    pub(super) fn use_key(&mut self, user: Option<&User>) -> Result<()> {
        let mut target = self.server.target.clone();
        if let Some(user) = user {
            target.key = Some(user.key.clone());
        }
        self.restart_load(&target)
    }

    /// Restarts the load generator with another route.
    pub(super) fn use_route(&mut self, route: Route) -> Result<()> {
        let target = Target { route, ..self.server.target.clone() };
        self.restart_load(&target)
    }

    fn restart_load(&mut self, target: &Target) -> Result<()> {
        self.load = LoadProcess::start(target, self.cores.load)?;
        Ok(())
    }

    /// Waits, and returns the share of a core that the server and its database used meanwhile, in percent.
    pub(super) fn idle(&self, duration: Duration) -> Result<f64> {
        let (before, start) = (self.server.cpu()?, clock::micros());
        std::thread::sleep(duration);
        let (after, elapsed) = (self.server.cpu()?, clock::micros() - start);
        Ok(ratio((after.own + after.database - before.own - before.database) * 100, elapsed))
    }

    /// Waits until the server and its database are idle.
    pub(super) fn settle(&self) -> Result<()> {
        /// Longer than the summaries of a million rows take.
        const PATIENCE: u32 = 300;
        const IDLE_PERCENT: f64 = 5.0;
        /// Idle seconds in a row: a server that waits for a slow disk uses no processor.
        const IDLE_SECONDS: u32 = 5;
        let mut idle_seconds = 0;
        for _ in 0..PATIENCE {
            let is_idle = self.idle(Duration::from_secs(1))? < IDLE_PERCENT;
            idle_seconds = if is_idle { idle_seconds + 1 } else { 0 };
            if idle_seconds == IDLE_SECONDS {
                return Ok(());
            }
        }
        bail!("the server is not idle after {PATIENCE} seconds")
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
            upstream: usage::cpu_us(self.upstream.id())?,
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
