//! Upstream requests of many concurrent turns during an outage of the upstream, and the duration of the recovery.
//!
//! `cargo bench -p causerie-server --bench outage -- [CHATS [SECONDS]]`; the defaults are 500 sessions and 30 seconds.
//! It also uses PostgreSQL if `CAUSERIE_TEST_POSTGRES_URL` is set.
#![expect(clippy::print_stdout, reason = "a bench prints its results")]

use std::time::Duration;

use causerie_simulator::Fault;
use causerie_testkit::anyhow::Result;
use causerie_testkit::app::{Outage, TestApp, TestAppBuilder};

#[tokio::main]
async fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let chats = numbers.next().unwrap_or(500);
    let duration = Duration::from_secs(numbers.next().unwrap_or(30) as u64);
    let faults = [
        ("429", Fault::RateLimited { retry_after: None }),
        ("429, Retry-After 2", Fault::RateLimited { retry_after: Some(2) }),
        ("503", Fault::Status(503)),
        ("dropped", Fault::Dropped),
    ];
    for (name, fault) in faults {
        let outage = Outage { fault, chats, duration };
        measure(&format!("SQLite, {name}"), &outage, TestApp::on_sqlite().await?).await?;
        if let Some(builder) = TestApp::on_postgres().await? {
            measure(&format!("PostgreSQL, {name}"), &outage, builder).await?;
        }
    }
    Ok(())
}

async fn measure(name: &str, outage: &Outage, builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let report = outage.run(&app, "echo").await?;
    let (turns, requests) = (report.turns(), report.requests);
    println!("{name}: {} sessions, outage of {:?}", outage.chats, outage.duration);
    println!("  {turns} turns, {requests} upstream requests: {} %", requests * 100 / turns.max(1) as u64);
    println!("  during the outage: {:?}", report.during);
    println!("  after the outage: {:?}, all answered after {:?}", report.after, report.recovery);
    println!(
        "  the same number of turns at the rate during the outage takes {:?}",
        report.recovery_without_waiting(outage.duration)
    );
    app.stop().await
}
