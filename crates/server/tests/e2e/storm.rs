//! Many turns at once while the upstream fails for everybody, and right after it stops.
//!
//! How soon everybody is served afterwards is told on paused clocks, where the machine's speed is no part of it: by
//! `crates/runtime/tests/storm.rs`, and by `crates/openrouter/src/limits/tests/recovery.rs`. The bench `storm` is
//! the same as this at full length, and prints its figures.

use std::time::Duration;

use causerie_simulator::Fault;
use causerie_testkit::anyhow::Result;
use causerie_testkit::app::{Aftermath, Ends, Storm, TestApp, TestAppBuilder};

causerie_testkit::on_both_databases! {
    a_storm_of_refused_turns_is_no_storm_upstream,
    a_storm_of_failing_turns_is_no_storm_upstream,
    a_storm_of_dropped_connections_is_no_storm_upstream,
}

/// Enough to fill every queue on the way.
const CHATS: usize = 500;
/// Long enough for a turn to spend all its retries: they wait for a second and a half at most.
const OUTAGE: Duration = Duration::from_secs(2);

async fn pass(on: TestAppBuilder, fault: Fault, chats: usize) -> Result<(TestApp, Aftermath)> {
    let app =
        on.tool("echo", "sim/echo").settings(|settings| settings.upstream.max_retries = 2).start().await?;
    let after = Storm { fault, chats, outage: OUTAGE }.pass(&app, "echo").await?;
    let (turns, requests) = (after.turns() as u64, after.requests);
    assert!(requests * 10 <= turns * 11, "{requests} requests of {turns} turns");
    Ok((app, after))
}

fn check_ends(ends: &Ends, allowed: &[&str]) {
    assert!(ends.keys().all(|end| allowed.contains(&end.as_str())), "{ends:?}");
}

async fn a_storm_of_refused_turns_is_no_storm_upstream(on: TestAppBuilder) -> Result<()> {
    let (app, after) = pass(on, Fault::RateLimited { retry_after: None }, CHATS).await?;
    check_ends(&after.refused, &["completed", "upstream_rate_limited", "upstream_busy"]);
    // Refusals open no breaker: the first send after the recovery is answered.
    assert_eq!(after.recovered, Ends::from([("completed".to_owned(), CHATS)]));
    app.stop().await
}

async fn a_storm_of_failing_turns_is_no_storm_upstream(on: TestAppBuilder) -> Result<()> {
    check_outage(on, Fault::Status(503)).await
}

async fn a_storm_of_dropped_connections_is_no_storm_upstream(on: TestAppBuilder) -> Result<()> {
    check_outage(on, Fault::Dropped).await
}

/// Failures open the breaker: most turns are told so without a request, until a probe finds the upstream well.
async fn check_outage(on: TestAppBuilder, fault: Fault) -> Result<()> {
    let (app, after) = pass(on, fault, 100).await?;
    check_ends(&after.refused, &["upstream_unavailable", "upstream_busy"]);
    check_ends(&after.recovered, &["completed", "upstream_busy"]);
    assert_eq!(after.recovered.get("completed"), Some(&100));
    app.stop().await
}
