//! Duration of `begin_turn` in a store of a million messages compared with an empty one: at most 1.5 times as long.
//!
//! The measured session of the full store has ten thousand messages, that of the empty store the twenty that a turn
//! loads. The rounds alternate, so that a busy machine slows both. The bench prints the plans of the statements whose
//! cost could grow.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a bench prints its results")]

use std::time::{Duration, Instant};

use causerie_domain::SessionId;
use causerie_domain::ports::BeginTurn;
use causerie_testkit::anyhow::{Result, ensure};
use causerie_testkit::contract::SqlSubject;
use causerie_testkit::database::{RawConnection, is_sqlite, uuid_literal};

/// Messages of the measured session.
const LONG: u64 = 10_000;
/// Other sessions, and messages of each.
const OTHERS: (u64, u64) = (990, 1000);
/// Messages that a turn loads.
const LOADED: u64 = 20;
const ROUNDS: usize = 20;
const TURNS_OF_A_ROUND: usize = 20;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result = runtime.expect("the runtime starts").block_on(async {
        compare("SQLite", SqlSubject::sqlite().await?, SqlSubject::sqlite().await?).await?;
        compare("PostgreSQL", SqlSubject::postgres().await?, SqlSubject::postgres().await?).await
    });
    result.expect("the full store is fast enough");
}

async fn compare(name: &str, empty: Option<SqlSubject>, full: Option<SqlSubject>) -> Result<()> {
    let (Some(empty), Some(full)) = (empty, full) else {
        println!("{name}: no server is configured");
        return Ok(());
    };
    let in_empty = fill(&empty, LOADED, (0, 0)).await?;
    let in_full = fill(&full, LONG, OTHERS).await?;
    let (mut of_empty, mut of_full) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // The first round warms the caches.
        let keep = usize::from(round > 0) * TURNS_OF_A_ROUND;
        of_empty.extend(turns(&empty, in_empty).await?.into_iter().take(keep));
        of_full.extend(turns(&full, in_full).await?.into_iter().take(keep));
    }
    let (empty_median, full_median) = (median(of_empty), median(of_full));
    println!("{name}: begin_turn {empty_median:?} in an empty store, {full_median:?} in a full one");
    for plan in plans(&full, in_full).await? {
        println!("    {plan}");
    }
    ensure!(full_median * 2 <= empty_median * 3, "{name}: a full store is too slow");
    Ok(())
}

fn median(mut spans: Vec<Duration>) -> Duration {
    spans.sort();
    spans[spans.len() / 2]
}

/// Begins and ends turns one after the other, and returns the durations of `begin_turn`.
async fn turns(subject: &SqlSubject, session: SessionId) -> Result<Vec<Duration>> {
    let mut spans = Vec::with_capacity(TURNS_OF_A_ROUND);
    for _ in 0..TURNS_OF_A_ROUND {
        let begin =
            BeginTurn { max_history_messages: LOADED as u32, ..subject.send(session, "What is a causerie?") };
        let start = Instant::now();
        let running = subject.run(begin).await?;
        spans.push(start.elapsed());
        subject.finish(&running, "A light conversation.").await?;
    }
    Ok(spans)
}

/// Creates a session with a number of messages, and other sessions.
async fn fill(subject: &SqlSubject, messages: u64, (others, each): (u64, u64)) -> Result<SessionId> {
    let session = subject.session().await?.id;
    let store = subject.store();
    let id = |number: &str| match is_sqlite(store) {
        true => format!("unhex(printf('%032x', {number}))"),
        false => format!("lpad(to_hex({number}), 32, '0')::uuid"),
    };
    let series = |count: u64| match is_sqlite(store) {
        true => format!(
            "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s)"
        ),
        false => format!("(SELECT n FROM generate_series(1, {count}) AS s(n))"),
    };
    let text = format!("'{}'", "A sentence of a conversation. ".repeat(8));
    let insert = |session: &str, from: &str, base: &str| {
        format!(
            "INSERT INTO messages (id, session_id, role, seq, status, content, parts, meta, created_at) \
             SELECT {}, {session}, CASE WHEN m.n % 2 = 1 THEN 'user' ELSE 'assistant' END, m.n, 'completed', {text}, \
             '[]', '{{}}', m.n FROM {from}",
            id(base)
        )
    };
    let long = uuid_literal(store, session.as_uuid());
    let mut raw = RawConnection::open(subject.database()).await?;
    raw.run(&insert(&long, &format!("{} AS m", series(messages)), "m.n")).await?;
    // The history is cut in blocks, and the last block has half of the messages that a turn loads.
    let history_from = messages - LOADED / 2 + 1;
    let next = messages + 1;
    let cut =
        format!("UPDATE sessions SET next_seq = {next}, history_from_seq = {history_from} WHERE id = {long}");
    raw.run(&cut).await?;
    if others > 0 {
        raw.run(&format!(
            "INSERT INTO sessions (id, tool_id, tool_version_id, user_id, state, next_seq, started_at, last_activity_at) \
             SELECT {}, o.tool_id, o.tool_version_id, o.user_id, 'active', {}, o.started_at, o.last_activity_at \
             FROM sessions AS o, {} AS k WHERE o.id = {long}",
            id("1000000000 + k.n"),
            each + 1,
            series(others)
        ))
        .await?;
        let from = format!("{} AS k, {} AS m", series(others), series(each));
        let base = format!("2000000000 + k.n * {each} + m.n");
        raw.run(&insert(&id("1000000000 + k.n"), &from, &base)).await?;
        ensure!(raw.count("messages").await? == messages + others * each, "the store is not full");
    }
    raw.run("ANALYZE").await?;
    Ok(session)
}

/// Returns the plans of the statements that read and count the history and take the lease.
async fn plans(subject: &SqlSubject, session: SessionId) -> Result<Vec<String>> {
    let id = uuid_literal(subject.store(), session.as_uuid());
    let statements = [
        format!(
            "SELECT * FROM messages WHERE session_id = {id} AND seq >= {} AND seq < {LONG} ORDER BY seq DESC \
             LIMIT {LOADED}",
            LONG - LOADED / 2
        ),
        format!(
            "SELECT COUNT(*) FROM messages WHERE session_id = {id} AND seq < {LONG} AND superseded_by IS NOT NULL"
        ),
        format!("UPDATE sessions SET next_seq = next_seq + 2 WHERE id = {id} AND state = 'active'"),
        format!("UPDATE turns SET ended_at = 1 WHERE session_id = {id} AND turns.status = 'running'"),
    ];
    let mut raw = RawConnection::open(subject.database()).await?;
    let mut plans = Vec::new();
    for statement in statements {
        plans.extend(raw.plan(&statement).await?);
    }
    Ok(plans)
}
