//! A run: all scenarios with all servers, in rounds.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::process::Cores;
use crate::record::{Record, Run};
use crate::scenarios::{Extent, Scenario};
use crate::servers::{self, Postgres, ServerKind, Setup};
use crate::{machine, report};

/// Databases of the measured `causerie`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Databases {
    Sqlite,
    Postgres,
    Both,
}

/// Scenarios that one word of the command line selects.
#[derive(Debug, Clone)]
struct Choice(Vec<Scenario>);

fn parse_scenarios(word: &str) -> Result<Choice, String> {
    match word {
        "all" => Ok(Choice(Scenario::value_variants().to_vec())),
        name => Scenario::from_str(name, true).map(|scenario| Choice(vec![scenario])),
    }
}

/// Options of a run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The program `causerie`, built as a release.
    #[arg(long)]
    program: PathBuf,
    /// Scenarios to run, or `all`; those of the overview by default.
    #[arg(long, value_parser = parse_scenarios, value_delimiter = ',')]
    scenario: Vec<Choice>,
    /// Number of rounds: 5, or 2 with `--fast`.
    #[arg(long)]
    rounds: Option<u32>,
    /// Measure for a short time only, to try the benchmark.
    #[arg(long)]
    fast: bool,
    /// Databases of the program.
    #[arg(long, value_enum, default_value_t = Databases::Sqlite)]
    database: Databases,
    /// URL of a PostgreSQL server on which databases may be created.
    #[arg(long, env = "CAUSERIE_TEST_POSTGRES_URL", hide_env_values = true)]
    postgres_url: Option<String>,
    /// Process that starts the other processes of that server, whose CPU time is measured.
    #[arg(long)]
    postgres_process: Option<u32>,
    /// Folder of the databases, on a disk whose commits are to be measured.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// File to which the results are written.
    #[arg(long)]
    json: PathBuf,
}

/// Runs the scenarios, prints the report and writes the results.
#[expect(clippy::print_stdout, reason = "it is a command line program")]
pub(crate) fn run(options: &Options) -> Result<()> {
    machine::raise_open_files()?;
    let cores = Cores::choose()?;
    let servers = options.servers();
    let setup = options.setup(&servers, cores)?;
    let (extent, rounds) = match options.fast {
        true => (Extent::Fast, options.rounds.unwrap_or(2)),
        false => (Extent::Full, options.rounds.unwrap_or(5)),
    };
    let mut scenarios: Vec<Scenario> =
        options.scenario.iter().flat_map(|Choice(chosen)| chosen.clone()).collect();
    if scenarios.is_empty() {
        scenarios = Scenario::OVERVIEW.to_vec();
    }
    let mut results = Run {
        machine: machine::describe(),
        is_fast: options.fast,
        rounds,
        cores: cores.to_string(),
        settings: servers::SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        records: Vec::new(),
    };
    for round in 0..rounds {
        for scenario in scenarios.iter().filter(|scenario| scenario.is_in_round(round)) {
            for server in rotated(&servers, round) {
                if let Some(record) = scenario.run(server, &setup, cores, extent, round)? {
                    println!("{}", line(&record));
                    results.records.push(record);
                    // Written after each measurement: an interrupted run keeps what it found.
                    std::fs::write(&options.json, serde_json::to_vec_pretty(&results)?)
                        .with_context(|| format!("cannot write {}", options.json.display()))?;
                }
            }
        }
    }
    println!("\n{}", report::text(&results));
    Ok(())
}

impl Options {
    fn servers(&self) -> Vec<ServerKind> {
        let mut servers = vec![ServerKind::Reference, ServerKind::StoringReference];
        if self.database != Databases::Postgres {
            servers.push(ServerKind::Sqlite);
        }
        if self.database != Databases::Sqlite {
            servers.push(ServerKind::Postgres);
        }
        servers
    }

    fn setup(&self, servers: &[ServerKind], cores: Cores) -> Result<Setup> {
        std::fs::create_dir_all(&self.folder).context("cannot create the folder of the databases")?;
        let folder = self.folder.canonicalize()?;
        if servers::is_in_memory(&folder)? {
            bail!("{} is in memory, where a commit costs nothing; name another --folder", folder.display());
        }
        let postgres = match &self.postgres_url {
            Some(url) if servers.contains(&ServerKind::Postgres) => {
                Some(Postgres::new(url, self.postgres_process, cores.server)?)
            }
            _ => None,
        };
        let program = self.program.canonicalize().context("the program was not found")?;
        Ok(Setup { prefix: Vec::new(), settings: Vec::new(), program, folder, postgres, core: cores.server })
    }
}

/// Returns the servers in an order that differs between rounds, so that none always follows the same one.
fn rotated(servers: &[ServerKind], round: u32) -> Vec<ServerKind> {
    let mut rotated = servers.to_vec();
    let by = usize::try_from(round).unwrap_or_default() % servers.len().max(1);
    rotated.rotate_left(by);
    rotated
}

/// Returns a line with the values of a record.
fn line(record: &Record) -> String {
    let values: Vec<String> =
        record.values.iter().map(|(name, value)| format!("{name} {value:.2}")).collect();
    let void = if record.is_void { ", void" } else { "" };
    let failures: u64 = record.failures.values().sum();
    let failed =
        if failures > 0 { format!(", {failures} failed: {:?}", record.failures) } else { String::new() };
    let Record { scenario, server, round, .. } = record;
    format!("{scenario}, {server}, round {}: {}{void}{failed}", round + 1, values.join(", "))
}
