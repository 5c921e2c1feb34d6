//! What readers that never read cost: the memory of the process, and the others' latency, with and without them; and
//! how far the reader of another instance is behind.
//!
//! `cargo bench -p causerie-server --bench readers -- [TURNS [STUCK]]`; 100 turns and 100 stuck readers where nothing
//! is said. Server, upstream and clients are this one process. On PostgreSQL as well where
//! `CAUSERIE_TEST_POSTGRES_URL` names a server; only there another instance can be asked.
#![expect(clippy::print_stdout, reason = "the figures are for the person who asked")]

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Chat, EventStream, TestApp, TestAppBuilder};
use futures_util::future::try_join_all;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

/// An answer that no socket holds: those who do not read it are stuck in the server.
const LONG: &str = "sim/text?chars=8388608&letters=plain&piece=65536&gate=end&gate_at=end";
/// A word each 50 ms, for ten seconds.
const WORDS: &str = "sim/slow?words=200";
const GAP: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let (turns, stuck) = (numbers.next().unwrap_or(100), numbers.next().unwrap_or(100));
    stuck_readers("SQLite", turns, stuck, TestApp::on_sqlite().await?).await?;
    if let Some(on) = TestApp::on_postgres().await? {
        stuck_readers("PostgreSQL", turns, stuck, on).await?;
    }
    if let Some(on) = TestApp::on_postgres().await? {
        lag(on).await?;
    }
    Ok(())
}

async fn stuck_readers(name: &str, turns: usize, stuck: usize, on: TestAppBuilder) -> Result<()> {
    let on = on.tool("long", LONG).tool("words", WORDS);
    let app = on.settings(|settings| settings.http.write_timeout = Duration::from_secs(600)).start().await?;
    let long = app.ada.chat("long").await?;
    let mut sent = long.send("Hello").await?;
    app.upstream().wait_until_held("end", 1).await?;
    sent.read_to("start ").await?;
    drop(sent);
    println!("{name}: {turns} turns of 200 words, 50 ms apart; {stuck} stuck readers of one of 8 MiB");
    // The first round grows what is kept for the others.
    talk_at_once(&app, turns).await?;
    let alone = Round::of(&app, turns).await?;
    let line = format!("GET {}", long.path("/stream"));
    let mut readers = try_join_all((0..stuck).map(|_| app.ada.ask_and_take_nothing(&line, ""))).await?;
    for reader in &mut readers {
        reader.read_u8().await?;
    }
    let beside = Round::of(&app, turns).await?;
    println!("  without them: {alone:?}");
    println!("  beside them:  {beside:?}");
    println!(
        "  ratio: resident {:.3}, p50 {:.2}, p99 {:.2}",
        share(beside.resident_kib, alone.resident_kib),
        share(micros(beside.p50), micros(alone.p50)),
        share(micros(beside.p99), micros(alone.p99)),
    );
    drop(readers);
    // How far this differs from the first round is the noise of the machine.
    println!("  after them:   {:?}", Round::of(&app, turns).await?);
    app.upstream().open("end");
    app.stop().await
}

/// What a round of turns showed.
#[derive(Debug)]
struct Round {
    /// At its end, in KiB.
    resident_kib: u64,
    /// From one delta to the next, as their reader saw it.
    p50: Duration,
    p99: Duration,
}

impl Round {
    async fn of(app: &TestApp, turns: usize) -> Result<Self> {
        let mut gaps = talk_at_once(app, turns).await?;
        gaps.sort();
        Ok(Round { resident_kib: resident_kib()?, p50: quantile(&gaps, 50), p99: quantile(&gaps, 99) })
    }
}

/// Lets so many turns run at once. Gives the times between deltas.
async fn talk_at_once(app: &TestApp, turns: usize) -> Result<Vec<Duration>> {
    let chats = try_join_all((0..turns).map(|_| app.ada.chat("words"))).await?;
    Ok(try_join_all(chats.iter().map(gaps)).await?.concat())
}

async fn gaps(chat: &Chat) -> Result<Vec<Duration>> {
    let arrivals = arrivals(chat.send("Hello").await?).await?;
    Ok(arrivals.windows(2).map(|pair| pair[1].1 - pair[0].1).collect())
}

/// The position after each delta of a stream, and when it came.
async fn arrivals(mut stream: EventStream) -> Result<Vec<(usize, Instant)>> {
    let (mut arrivals, mut position) = (Vec::new(), 0);
    while stream.line().await?.is_some() {
        let now = Instant::now();
        let reached = stream.transcript().text.chars().count();
        if reached > position {
            position = reached;
            arrivals.push((position, now));
        }
    }
    Ok(arrivals)
}

/// How much later the reader of another instance is told what the owner's reader is told.
async fn lag(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("words", WORDS).start().await?;
    let beside = app.beside().await?;
    let mut lags = Vec::new();
    for _ in 0..3 {
        let here = app.ada.chat("words").await?;
        let sent = here.send("Hello").await?;
        let there = here.as_seen_by(&beside.ada).resume(None).await?.context("the turn runs")?;
        let (said, heard) = tokio::try_join!(arrivals(sent), arrivals(there))?;
        for (position, said_at) in said {
            let heard_at = heard.iter().find(|(heard, _)| *heard >= position).context("all is heard")?.1;
            lags.push(heard_at.saturating_duration_since(said_at));
        }
    }
    lags.sort();
    let [p50, p99, most] = [50, 99, 100].map(|percent| quantile(&lags, percent));
    println!(
        "PostgreSQL: the reader of another instance is behind by p50 {p50:?}, p99 {p99:?}, at most {most:?}"
    );
    beside.stop().await;
    app.stop().await
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(GAP)
}

/// The memory of this process that is in use.
fn resident_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for the eye")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
