//! Duration of usage reports on a million rows, a hundred thousand of them in the reported month.
//!
//! `cargo bench -p causerie-persistence --bench reports`; it also uses PostgreSQL if
//! `CAUSERIE_TEST_POSTGRES_URL` is set. Each line has the median of warm runs through the port; the query plans follow.
#![expect(clippy::print_stdout, reason = "a bench prints its results")]

use std::time::{Duration, Instant};

use causerie_domain::calendar::{Span, TimeZone};
use causerie_domain::filter::{Predicate, Scalar};
use causerie_domain::page::{After, PageRequest};
use causerie_domain::ports::{UsageFilter, UsageRecordQuery, UsageReportQuery, UsageReports as _};
use causerie_domain::usage::reports::Grouping;
use causerie_domain::{Filter, Timestamp};
use causerie_testkit::anyhow::Result;
use causerie_testkit::database::{RawConnection, TestDatabase, is_sqlite, uuid_literal};
use uuid::Uuid;

const ROWS: i64 = 1_000_000;
/// Time of the first row, 2026-01-01, in microseconds.
const BEGIN: i64 = 1_767_225_600_000_000;
/// Microseconds between rows: a tenth of the rows covers thirty days.
const STEP: i64 = 25_920_000;
const MONTH: Span = Span {
    from: Timestamp::from_micros(BEGIN + 8 * ROWS / 10 * STEP),
    to: Timestamp::from_micros(BEGIN + 9 * ROWS / 10 * STEP),
};
const RUNS: usize = 9;

#[tokio::main]
async fn main() -> Result<()> {
    measure(&TestDatabase::sqlite().await?).await?;
    match TestDatabase::postgres().await? {
        Some(database) => measure(&database).await,
        None => Ok(()),
    }
}

async fn measure(database: &TestDatabase) -> Result<()> {
    let store = database.store();
    let begin = Instant::now();
    seed(database).await?;
    println!("{:?}: {ROWS} rows in {:.0?}", store.database(), begin.elapsed());

    let uuid = |prefix: u128, number: u128| Scalar::Uuid(id(prefix, number));
    let own = Filter::equals("user_id", uuid(1, 7));
    let groups = Predicate::OneOf(vec![uuid(2, 3), uuid(2, 4)]);
    let of_groups = Filter::any([own.clone(), Filter::field("group_id", groups)]);
    let rows = |visible: &Filter| UsageFilter {
        visible: visible.clone(),
        span: MONTH,
        model: None,
        tool_id: None,
        user_id: None,
        group_id: None,
        session_id: None,
    };
    let zone: TimeZone = "Europe/Berlin".parse()?;
    let mut by: Vec<Vec<Grouping>> = Grouping::ALL.iter().map(|grouping| vec![*grouping]).collect();
    by.extend([vec![], vec![Grouping::Day, Grouping::Model], Grouping::ALL.to_vec()]);
    for group_by in by {
        let words: Vec<&str> = group_by.iter().map(|grouping| grouping.as_str()).collect();
        let mut line = format!("usage by {:<38}", words.join(","));
        for visible in [&Filter::Everything, &of_groups, &own] {
            let query = UsageReportQuery {
                rows: rows(visible),
                group_by: group_by.clone(),
                days: zone.days(MONTH)?,
                limit: 1000,
                after: None,
            };
            let median = median(async || Ok(store.usage_report(query.clone()).await?)).await?;
            line.push_str(&format!(" {median:>9.1?}"));
        }
        println!("{line}");
    }
    for (name, visible) in [("all", &Filter::Everything), ("groups", &of_groups), ("own", &own)] {
        let mut list =
            UsageRecordQuery { rows: rows(visible), page: PageRequest { limit: 100, after: None } };
        let first = median(async || Ok(store.usage_records(list.clone()).await?)).await?;
        for _ in 0..3 {
            list.page.after = store.usage_records(list.clone()).await?.next.map(After).or(list.page.after);
        }
        let later = median(async || Ok(store.usage_records(list.clone()).await?)).await?;
        println!("a page of records, {name:<28} {first:>9.1?} {later:>9.1?}");
    }
    plans(database).await
}

/// Returns the median duration of warm runs.
async fn median<T>(run: impl AsyncFn() -> Result<T>) -> Result<Duration> {
    let mut took = Vec::new();
    for _ in 0..=RUNS {
        let begin = Instant::now();
        run().await?;
        took.push(begin.elapsed());
    }
    took.remove(0);
    took.sort_unstable();
    Ok(took[RUNS / 2])
}

/// Returns the id of a row, as the statement that inserts it computes it.
fn id(prefix: u128, number: u128) -> Uuid {
    Uuid::from_u128(prefix << 80 | 0x7000 << 64 | number)
}

/// Inserts rows in the order of time: 1000 users, 20 groups, 50 tools, 40 models, 5 requests per session.
async fn seed(database: &TestDatabase) -> Result<()> {
    let mut raw = RawConnection::open(database).await?;
    let is_sqlite = is_sqlite(database.store());
    let id = |prefix: &str, number: &str| match is_sqlite {
        true => format!("unhex(printf('%012x7000%016x', {prefix}, {number}))"),
        false => {
            format!("(lpad(to_hex({prefix}), 12, '0') || '7000' || lpad(to_hex({number}), 16, '0'))::uuid")
        }
    };
    // Users, groups and tools do not exist, so foreign keys are not checked.
    raw.run(if is_sqlite {
        "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF"
    } else {
        "SET session_replication_role = replica"
    })
    .await?;
    let numbers = match is_sqlite {
        true => format!(
            "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {} )",
            ROWS - 1
        ),
        false => format!("WITH n (n) AS (SELECT generate_series(0::bigint, {}))", ROWS - 1),
    };
    let (at, user) = (format!("({BEGIN} + n * {STEP})"), "(n / 5 * 7919 % 1000)");
    let [row, session] = [id(&format!("{at} / 1000"), "n"), id("4", "n / 5")];
    let [user_id, tool] = [id("1", user), id("3", "n / 5 % 50")];
    let group = format!("CASE WHEN {user} % 3 > 0 THEN {} END", id("2", &format!("{user} % 20")));
    let basis = "CASE n * 31 % 100 WHEN 1 THEN 'unknown' WHEN 2 THEN 'pending' WHEN 3 THEN 'estimated' \
                 WHEN 4 THEN 'looked_up' WHEN 5 THEN 'calculated' ELSE 'reported' END";
    let cost = "CASE WHEN n * 31 % 100 <> 1 THEN n * 104729 % 10000000000 END";
    let model = "'vendor-' || (n / 5 % 7) || '/model-' || (n / 5 % 40) || '-of-some-length'";
    raw.run(&format!(
        "INSERT INTO ai_usage (id, user_id, group_id, tool_id, session_id, purpose, attempt, model, model_served, \
             provider, generation_id, state, outcome, closed_at, basis, cost, reported_cost, calculated_cost, \
             input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated_input_tokens, prices, created_at) \
         {numbers} SELECT {row}, {user_id}, {group}, {tool}, {session}, 'chat', 1, {model}, {model}, 'Provider', \
             'gen-0123456789-' || n, 'closed', 'completed', {at} + 2000000, {basis}, {cost}, {cost}, {cost}, \
             n * 17 % 5000, n * 13 % 1500, n % 1000, n % 300, 900, \
             '{{\"prompt\":3000000,\"completion\":15000000,\"cache_read\":300000,\"cache_write\":3750000}}', {at} FROM n"
    ))
    .await?;
    raw.run(if is_sqlite { "PRAGMA wal_checkpoint(TRUNCATE)" } else { "VACUUM ANALYZE ai_usage" }).await
}

/// Prints the plans of the slowest statements.
async fn plans(database: &TestDatabase) -> Result<()> {
    let mut raw = RawConnection::open(database).await?;
    let own = uuid_literal(database.store(), id(1, 7));
    let span = format!("created_at >= {} AND created_at < {}", MONTH.from.as_micros(), MONTH.to.as_micros());
    for statement in [
        format!(
            "SELECT model, basis, COUNT(*), SUM(cost >> 32), SUM(cost & 4294967295), COUNT(input_tokens + output_tokens) \
             FROM ai_usage WHERE {span} GROUP BY 1, 2 ORDER BY 1 LIMIT 7001"
        ),
        format!(
            "SELECT basis, COUNT(*), SUM(cost >> 32) FROM ai_usage WHERE user_id = {own} AND {span} GROUP BY 1"
        ),
        format!("SELECT * FROM ai_usage WHERE {span} ORDER BY created_at DESC, id DESC LIMIT 101"),
        format!(
            "SELECT * FROM ai_usage WHERE user_id = {own} AND {span} ORDER BY created_at DESC, id DESC LIMIT 101"
        ),
    ] {
        println!("{statement}");
        for line in raw.plan(&statement).await? {
            println!("    {line}");
        }
    }
    Ok(())
}
