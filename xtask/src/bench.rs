//! `cargo xtask bench`: measures the release build beside reference proxies, and writes `docs/benchmarks.md`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;

use crate::cargo;
use crate::options::Options;
use crate::postgres::{self, Database, Purpose};
use crate::workspace::Workspace;

/// Recorded counts of instructions.
const COUNTS: &str = "crates/bench/instructions.json";
/// Profile of the programs whose instructions are counted.
const COUNTS_PROFILE: &str = "counts";
const PAGE: &str = "docs/benchmarks.md";
/// Folder of the databases and of the results, in the target folder.
const FOLDER: &str = "target/bench";

/// The databases that the benchmark can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchDatabase {
    Sqlite,
    Postgres,
    Both,
}

/// Options of the benchmark.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Bench {
    /// Measure for a short time only, to try the benchmark.
    #[arg(long)]
    fast: bool,
    /// Scenarios, separated by commas; `all` for every one. The short ones by default.
    #[arg(long, value_delimiter = ',')]
    scenario: Vec<String>,
    /// Number of rounds: 5, or 2 with `--fast`.
    #[arg(long)]
    rounds: Option<u32>,
    /// Database of the program.
    #[arg(long, value_enum, default_value_t = BenchDatabase::Both)]
    database: BenchDatabase,
    /// File to which the results are written.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Program to measure instead of the release build.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Write `docs/benchmarks.md` after the run; with `--check`, write the record of instructions.
    #[arg(long)]
    write: bool,
    /// Count the instructions of one turn and of 1,000 chunks instead, and compare them with the record.
    #[arg(long, conflicts_with_all = ["fast", "scenario", "rounds", "json", "from"])]
    check: bool,
    /// Write `docs/benchmarks.md` from the results of an earlier run, without a new one.
    #[arg(long, value_name = "JSON", conflicts_with_all = ["fast", "scenario", "rounds", "json", "program"])]
    from: Option<PathBuf>,
}

/// Runs the benchmark.
///
/// # Errors
/// A program cannot be built, or a scenario cannot be run.
pub(crate) fn run(bench: &Bench, workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let root = &workspace.root;
    if bench.check {
        return check(bench, root);
    }
    let program = cargo::build_binary(root, "causerie-bench", "causerie-bench", "release")?;
    if let Some(json) = &bench.from {
        return write_page(&program, json, root);
    }
    let causerie = match &bench.program {
        Some(path) => path.clone(),
        None => cargo::build_binary(root, "causerie-server", "causerie", "release")?,
    };
    let folder = root.join(FOLDER);
    std::fs::create_dir_all(&folder)?;
    let json = bench.json.clone().unwrap_or_else(|| folder.join("results.json"));
    let mut command = Command::new(&program);
    command.arg("run").arg("--program").arg(causerie);
    command.arg("--folder").arg(&folder).arg("--json").arg(&json);
    if bench.fast {
        command.arg("--fast");
    }
    if let Some(rounds) = bench.rounds {
        command.args(["--rounds", &rounds.to_string()]);
    }
    for scenario in &bench.scenario {
        command.args(["--scenario", scenario]);
    }
    // Kept until the end: dropping it stops a private server.
    let _database = add_database(bench.database, options, &mut command)?;
    if !cargo::status(&mut command)?.success() {
        return Ok(ExitCode::FAILURE);
    }
    println!("wrote {}", json.display());
    if bench.write { write_page(&program, &json, root) } else { Ok(ExitCode::SUCCESS) }
}

/// Counts instructions with callgrind, in a profile without link-time optimization.
fn check(bench: &Bench, root: &Path) -> Result<ExitCode> {
    let valgrind = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    ensure!(
        valgrind.is_ok_and(|status| status.success()),
        "valgrind is not installed (Debian: apt-get install valgrind)"
    );
    let causerie = match &bench.program {
        Some(path) => path.clone(),
        None => cargo::build_binary(root, "causerie-server", "causerie", COUNTS_PROFILE)?,
    };
    let mut command =
        Command::new(cargo::build_binary(root, "causerie-bench", "causerie-bench", COUNTS_PROFILE)?);
    command.arg("counts").arg("--program").arg(causerie).arg("--record").arg(root.join(COUNTS));
    if bench.write {
        command.arg("--write");
    }
    Ok(if cargo::status(&mut command)?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Adds the arguments of the database and returns a server that was started for it.
fn add_database(
    database: BenchDatabase,
    options: &Options,
    command: &mut Command,
) -> Result<Option<Database>> {
    let name = database.to_possible_value().context("no name")?;
    command.args(["--database", name.get_name()]);
    if database == BenchDatabase::Sqlite {
        return Ok(None);
    }
    let server = postgres::provide_for(Purpose::Benchmark, options)?;
    server.configure(command);
    match &server {
        Database::Configured(_) => {}
        Database::Private(cluster) => {
            command.args(["--postgres-process", &cluster.process()?.to_string()]);
        }
        Database::Absent => bail!("{}", postgres::NOT_RUN),
    }
    Ok(Some(server))
}

fn write_page(program: &Path, json: &Path, root: &Path) -> Result<ExitCode> {
    let mut command = Command::new(program);
    command.arg("page").arg(json).arg(root.join(PAGE));
    ensure!(cargo::status(&mut command)?.success(), "`{}` failed", cargo::line(&command));
    println!("wrote {PAGE}");
    Ok(ExitCode::SUCCESS)
}
