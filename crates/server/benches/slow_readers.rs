//! Effect of readers that do not read on the memory of the process and on the latency of other turns; delay of a reader
//! at another instance.
//!
//! `cargo bench -p causerie-server --bench slow_readers -- [TURNS [STUCK]]`; the defaults are 100 turns and 100 stuck
//! readers. Server, upstream and clients are one process. The bench also uses PostgreSQL if
//! `CAUSERIE_TEST_POSTGRES_URL` is set; the delay at another instance is measured on PostgreSQL only.
#![expect(clippy::print_stdout, reason = "a bench prints its results")]

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Chat, EventStream, TestApp, TestAppBuilder};
use futures_util::future::try_join_all;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

/// Answer that exceeds the buffers of a socket, so that a reader that does not read it blocks its stream.
const LONG: &str = "sim/text?chars=8257536&letters=plain&piece=65536&gate=end&gate_at=end";
/// Answer with a word each 50 ms for ten seconds.
const WORDS: &str = "sim/slow?words=200";
const GAP: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let (turns, stuck) = (numbers.next().unwrap_or(100), numbers.next().unwrap_or(100));
    stuck_readers("SQLite", turns, stuck, TestApp::on_sqlite().await?).await?;
    if let Some(builder) = TestApp::on_postgres().await? {
        stuck_readers("PostgreSQL", turns, stuck, builder).await?;
    }
    if let Some(builder) = TestApp::on_postgres().await? {
        lag(builder).await?;
    }
    Ok(())
}

async fn stuck_readers(name: &str, turns: usize, stuck: usize, builder: TestAppBuilder) -> Result<()> {
    let builder = builder.tool("long", LONG).tool("words", WORDS);
    let app = builder
        .settings(|settings| settings.http.streams.write_timeout = Duration::from_secs(600))
        .start()
        .await?;
    let long = app.ada.chat("long").await?;
    let mut sent = long.send("Hello").await?;
    app.upstream().wait_until_held("end", 1).await?;
    sent.read_to("start ").await?;
    drop(sent);
    println!("{name}: {turns} turns of 200 words, 50 ms apart; {stuck} stuck readers of one of 8 MiB");
    // The first round allocates memory that later rounds reuse.
    run_turns(&app, turns).await?;
    let without = Round::measure(&app, turns).await?;
    let line = format!("GET {}", long.path("/stream"));
    let mut readers = try_join_all((0..stuck).map(|_| app.ada.request_without_reading(&line, ""))).await?;
    for reader in &mut readers {
        reader.read_u8().await?;
    }
    let with_readers = Round::measure(&app, turns).await?;
    println!("  without stuck readers: {without:?}");
    println!("  with stuck readers:    {with_readers:?}");
    println!(
        "  ratio: resident {:.3}, p50 {:.2}, p99 {:.2}",
        share(with_readers.resident_kib, without.resident_kib),
        share(micros(with_readers.p50), micros(without.p50)),
        share(micros(with_readers.p99), micros(without.p99)),
    );
    drop(readers);
    // The difference from the first round is noise of the machine.
    println!("  afterwards:            {:?}", Round::measure(&app, turns).await?);
    app.upstream().open("end");
    app.stop().await
}

/// Measurements of concurrent turns.
#[derive(Debug)]
struct Round {
    /// Resident memory at the end, in KiB.
    resident_kib: u64,
    /// Time between two deltas at the reader.
    p50: Duration,
    p99: Duration,
}

impl Round {
    async fn measure(app: &TestApp, turns: usize) -> Result<Self> {
        let mut gaps = run_turns(app, turns).await?;
        gaps.sort();
        Ok(Round { resident_kib: resident_kib()?, p50: quantile(&gaps, 50), p99: quantile(&gaps, 99) })
    }
}

/// Runs concurrent turns and returns the times between deltas.
async fn run_turns(app: &TestApp, turns: usize) -> Result<Vec<Duration>> {
    let chats = try_join_all((0..turns).map(|_| app.ada.chat("words"))).await?;
    Ok(try_join_all(chats.iter().map(gaps)).await?.concat())
}

async fn gaps(chat: &Chat) -> Result<Vec<Duration>> {
    let arrivals = arrivals(chat.send("Hello").await?).await?;
    Ok(arrivals.windows(2).map(|pair| pair[1].1 - pair[0].1).collect())
}

/// Returns the position after each delta of a stream and the time of its arrival.
async fn arrivals(mut stream: EventStream) -> Result<Vec<(usize, Instant)>> {
    let (mut arrivals, mut position) = (Vec::new(), 0);
    while stream.next_line().await?.is_some() {
        let now = Instant::now();
        let reached = stream.transcript().text.chars().count();
        if reached > position {
            position = reached;
            arrivals.push((position, now));
        }
    }
    Ok(arrivals)
}

/// Measures the delay of a reader at another instance against a reader at the owner.
async fn lag(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", WORDS).start().await?;
    let instance = app.start_instance().await?;
    let mut lags = Vec::new();
    for _ in 0..3 {
        let here = app.ada.chat("words").await?;
        let sent = here.send("Hello").await?;
        let there = here.with_client(&instance.ada).resume(None).await?.context("the turn runs")?;
        let (owner, other) = tokio::try_join!(arrivals(sent), arrivals(there))?;
        for (position, sent_at) in owner {
            let arrived_at =
                other.iter().find(|(reached, _)| *reached >= position).context("a delta is missing")?.1;
            lags.push(arrived_at.saturating_duration_since(sent_at));
        }
    }
    lags.sort();
    let [p50, p99, max] = [50, 99, 100].map(|percent| quantile(&lags, percent));
    println!(
        "PostgreSQL: the reader of another instance is behind by p50 {p50:?}, p99 {p99:?}, at most {max:?}"
    );
    instance.stop().await;
    app.stop().await
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(GAP)
}

/// Returns the resident memory of the process.
fn resident_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "only printed")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
