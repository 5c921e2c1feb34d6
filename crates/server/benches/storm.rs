//! What an upstream sees of many turns at once while it refuses all of them, and how soon they are served afterwards.
//!
//! `cargo bench -p causerie-server --bench storm -- [CHATS [SECONDS]]`; 500 conversations and 30 seconds where nothing
//! is said. On PostgreSQL as well where `CAUSERIE_TEST_POSTGRES_URL` names a server.
#![expect(clippy::print_stdout, reason = "the figures are for the person who asked")]

use std::time::Duration;

use causerie_simulator::Fault;
use causerie_testkit::anyhow::Result;
use causerie_testkit::app::{Storm, TestApp, TestAppBuilder};

#[tokio::main]
async fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let chats = numbers.next().unwrap_or(500);
    let outage = Duration::from_secs(numbers.next().unwrap_or(30) as u64);
    let faults = [
        ("429", Fault::RateLimited { retry_after: None }),
        ("429, Retry-After 2", Fault::RateLimited { retry_after: Some(2) }),
        ("503", Fault::Status(503)),
        ("dropped", Fault::Dropped),
    ];
    for (name, fault) in faults {
        let storm = Storm { fault, chats, outage };
        pass(&format!("SQLite, {name}"), &storm, TestApp::on_sqlite().await?).await?;
        if let Some(on) = TestApp::on_postgres().await? {
            pass(&format!("PostgreSQL, {name}"), &storm, on).await?;
        }
    }
    Ok(())
}

async fn pass(name: &str, storm: &Storm, on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let after = storm.pass(&app, "echo").await?;
    let (turns, requests) = (after.turns(), after.requests);
    println!("{name}: {} conversations, {:?} of outage", storm.chats, storm.outage);
    println!(
        "  {turns} turns, {requests} requests to the upstream: {} %",
        requests * 100 / turns.max(1) as u64
    );
    println!("  while it failed: {:?}", after.refused);
    println!("  afterwards: {:?}, all answered after {:?}", after.recovered, after.recovery);
    println!("  as many turns at the pace of the outage take {:?}", after.at_the_pace_of(storm.outage));
    app.stop().await
}
