//! Many concurrent turns during an outage of the upstream, and after it.
//!
//! `crates/runtime/tests/it/rate_limits.rs` and `crates/openrouter/src/limits/tests/recovery.rs` test the duration of
//! the recovery on paused clocks, which do not depend on the speed of the machine. The bench `outage` runs the same
//! load for a longer time and prints its figures.

use std::time::Duration;

use causerie_simulator::Fault;
use causerie_testkit::anyhow::Result;
use causerie_testkit::app::{Outage, OutageReport, TestApp, TestAppBuilder, TurnResults};

causerie_testkit::on_both_databases! {
    refused_turns_do_not_flood_the_upstream,
    failing_turns_do_not_flood_the_upstream,
    dropped_connections_do_not_flood_the_upstream,
}

/// Enough sessions to fill each queue.
const CHATS: usize = 500;
/// Long enough for all retries of a turn, which wait at most a second and a half.
const DURATION: Duration = Duration::from_secs(2);

async fn run_outage(builder: TestAppBuilder, fault: Fault, chats: usize) -> Result<(TestApp, OutageReport)> {
    let app = builder
        .tool("echo", "sim/echo")
        .settings(|settings| settings.upstream.max_retries = 2)
        .start()
        .await?;
    let report = Outage { fault, chats, duration: DURATION }.run(&app, "echo").await?;
    let (turns, requests) = (report.turns() as u64, report.requests);
    assert!(requests * 10 <= turns * 11, "{requests} requests of {turns} turns");
    Ok((app, report))
}

fn check_results(results: &TurnResults, allowed: &[&str]) {
    assert!(results.keys().all(|result| allowed.contains(&result.as_str())), "{results:?}");
}

async fn refused_turns_do_not_flood_the_upstream(builder: TestAppBuilder) -> Result<()> {
    let (app, report) = run_outage(builder, Fault::RateLimited { retry_after: None }, CHATS).await?;
    check_results(&report.during, &["completed", "upstream_rate_limited", "upstream_busy"]);
    // Rate limits do not open the circuit: the first send after the recovery is answered.
    assert_eq!(report.after, TurnResults::from([("completed".to_owned(), CHATS)]));
    app.stop().await
}

async fn failing_turns_do_not_flood_the_upstream(builder: TestAppBuilder) -> Result<()> {
    check_outage(builder, Fault::Status(503)).await
}

async fn dropped_connections_do_not_flood_the_upstream(builder: TestAppBuilder) -> Result<()> {
    check_outage(builder, Fault::Dropped).await
}

/// Checks that failures open the circuit: most turns fail without an upstream request until a probe succeeds.
async fn check_outage(builder: TestAppBuilder, fault: Fault) -> Result<()> {
    let (app, report) = run_outage(builder, fault, 100).await?;
    check_results(&report.during, &["upstream_unavailable", "upstream_busy"]);
    check_results(&report.after, &["completed", "upstream_busy"]);
    assert_eq!(report.after.get("completed"), Some(&100));
    app.stop().await
}
