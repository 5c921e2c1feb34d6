//! Instructions of one turn and of 1,000 chunks, counted by callgrind and compared with a record.
//!
//! `causerie` runs twice for each, with few turns or chunks and with many. The difference contains no start, no stop and
//! no warm-up. One client sends, and intervals of background work and of flushes are longer than the run.

mod callgrind;
mod record;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};

use self::record::{Counts, Verdict};
use crate::answer::Answer;
use crate::load::{Command, LoadProcess};
use crate::process::{Cores, Process};
use crate::servers::{Server, ServerKind, Setup};

/// Sessions of a run.
const SESSIONS: u64 = 10;
const PER_SESSION: u64 = 8;

/// Options of a check.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The program `causerie`, built without link-time optimization.
    #[arg(long)]
    program: PathBuf,
    /// File of the recorded counts.
    #[arg(long)]
    record: PathBuf,
    /// Write the record instead of comparing with it.
    #[arg(long)]
    write: bool,
}

/// Work whose instructions are counted.
#[derive(Debug)]
struct Benchmark {
    name: &'static str,
    /// Number of turns and their answer; the second has more work.
    few: (u64, Answer),
    many: (u64, Answer),
    /// Turns or thousands of chunks that the second has more, as numerator and denominator.
    difference: (u64, u64),
    /// Bytes of text that start a flush. The interval never does, since the number of flushes would depend on the speed of the
    /// emulated program.
    flush_bytes: &'static str,
}

const BENCHMARKS: [Benchmark; 2] = [
    Benchmark {
        name: "one turn",
        few: (16, Answer::TURN),
        many: (80, Answer::TURN),
        difference: (64, 1),
        // No answer is as long.
        flush_bytes: "16384",
    },
    Benchmark {
        name: "1,000 chunks",
        few: (2, Answer::alone(250)),
        many: (2, Answer::alone(1000)),
        difference: (3, 2),
        // Ten chunks of 16 bytes, as with 50 ms for chunks that arrive each 5 ms.
        flush_bytes: "160",
    },
];

/// Counts, and compares with the record or writes it.
#[expect(clippy::print_stdout, reason = "it is a command line program")]
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let program = options.program.canonicalize().context("the program was not found")?;
    let recorded = record::read(&options.record)?;
    let mut counts = Counts::new();
    let mut has_failed = false;
    for benchmark in &BENCHMARKS {
        let count = benchmark.count(&program)?;
        counts.insert(benchmark.name.to_owned(), count);
        if options.write {
            println!("{}: {count} instructions", benchmark.name);
            continue;
        }
        let known = recorded.get(benchmark.name).copied();
        let verdict = record::compare(count, known);
        let note = match verdict {
            Verdict::Unchanged => "within 5 %",
            Verdict::More => "MORE than 5 % above the record",
            Verdict::Fewer => "more than 5 % below the record: run `cargo xtask bench --check --write`",
            Verdict::NotRecorded => "NOT RECORDED: run `cargo xtask bench --check --write`",
        };
        has_failed |= matches!(verdict, Verdict::More | Verdict::NotRecorded);
        let known = known.map_or_else(|| "–".to_owned(), |known| known.to_string());
        println!("{}: {count} instructions, recorded {known}: {note}", benchmark.name);
    }
    if options.write {
        record::write(&options.record, &counts)?;
        println!("wrote {}", options.record.display());
    }
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Benchmark {
    /// Returns the instructions of one unit of the benchmark.
    fn count(&self, program: &Path) -> Result<u64> {
        let [few, many] = [self.few, self.many].map(|work| self.count_run(program, work));
        let (numerator, denominator) = self.difference;
        let difference = many?.checked_sub(few?).context("more work took fewer instructions")?;
        Ok(difference * denominator / numerator)
    }

    /// Returns the instructions of a whole run of the program.
    fn count_run(&self, program: &Path, (turns, answer): (u64, Answer)) -> Result<u64> {
        let folder = tempfile::tempdir()?;
        let output = folder.path().join("callgrind.out");
        let cores = Cores::choose()?;
        let setup = Setup {
            prefix: callgrind::prefix(&output),
            settings: vec![
                ("CAUSERIE_FLUSH_INTERVAL_MS", "60000"),
                ("CAUSERIE_FLUSH_BYTES", self.flush_bytes),
                ("CAUSERIE_LEASE_MS", "3600000"),
                ("CAUSERIE_RECONCILE_INTERVAL_MS", "3600000"),
                ("DATABASE_WAIT_MS", "60000"),
            ],
            program: program.to_owned(),
            folder: folder.path().to_owned(),
            postgres: None,
            core: cores.server,
        };
        let mut upstream = Process::start_self(&["upstream"], cores.upstream)?;
        let server = Server::start(ServerKind::Sqlite, &setup, upstream.read_address()?, None)?;
        let mut load = LoadProcess::start(&server.target, cores.load)?;
        // As many sessions in both runs: their creation is no part of a turn.
        load.run(&Command::Sessions { count: SESSIONS, answer })?;
        load.run(&Command::Connect { clients: 1 })?;
        let outcome = load.run(&Command::Turns { turns, answer, per_session: PER_SESSION })?;
        ensure!(outcome.failures.is_empty(), "turns failed: {:?}\n{}", outcome.failures, server.log());
        drop(load);
        server.stop()?;
        callgrind::read(&output)
    }
}
