//! Soak test: many concurrent sessions against server processes that are killed repeatedly, and a final check.
//!
//! The test records what the servers acknowledged and compares the stored data with this record. The upstream is a
//! simulator in this process with scenarios and outages; on PostgreSQL two servers share the database.

mod checker;
mod faults;
mod history;
mod servers;
mod workload;

use std::fs;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use causerie_simulator::{Options, Simulator};
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::database::TestDatabase;

use history::History;
pub use history::SoakReport;
use servers::Servers;

/// Models of the tools, one each. Each model is a scenario of the upstream; most answers are complete.
const MODELS: [&str; 9] = [
    "sim/text?words=60&delay_ms=15",
    "sim/text?words=60&delay_ms=15&key=more",
    "sim/reasoning?thoughts=15&words=30&delay_ms=15",
    "sim/text?chars=3000&letters=mixed&piece=9&delay_ms=3",
    "sim/text?chars=20000&letters=emoji&piece=500&delay_ms=5",
    "sim/echo",
    "sim/cut-mid-stream?after=12&delay_ms=15",
    "sim/error-mid-stream?after=9&delay_ms=15",
    "sim/empty",
];
/// Time within which all running turns end after the last fault.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Arguments of the soak test.
#[derive(Debug, Clone, clap::Parser)]
#[command(
    name = "soak",
    about = "runs sessions against servers that are killed repeatedly, and checks that no data is lost"
)]
pub struct Plan {
    /// Duration.
    #[arg(long, value_name = "MINUTES", default_value_t = 20)]
    minutes: u64,
    /// Database: sqlite (one process) or postgres (two processes).
    #[arg(long, default_value = "sqlite")]
    database: String,
    /// Seed of the random choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of concurrent sessions.
    #[arg(long, default_value_t = 24)]
    sessions: u64,
    /// Path of the program `causerie`.
    #[arg(long, value_name = "PATH")]
    program: PathBuf,
}

/// Runs the soak test and returns its report.
///
/// # Errors
/// The test could not be run. Lost or wrong data is not an error but part of the report.
pub async fn run(plan: Plan) -> Result<SoakReport> {
    // Without a provider, creating a client panics. The only error is that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = TempDir::with_prefix("causerie-soak-")?;
    let tools = folder.path().join("tools");
    fs::create_dir(&tools)?;
    for (number, model) in MODELS.iter().enumerate() {
        let tool = format!(
            "name: tool-{number}\nversion: 1.0.0\ntype: chat\ntitle: Tool {number}\nbehavior: Be kind.\nmodel: \"{model}\"\n"
        );
        fs::write(tools.join(format!("{number}.yaml")), tool)?;
    }
    let upstream = Arc::new(Simulator::start(Options { recorded_requests: 1, ..Options::default() })?);
    let (database, instances) = match plan.database.as_str() {
        "sqlite" => (None, 1),
        "postgres" => {
            (Some(TestDatabase::postgres().await?.context("no PostgreSQL server is configured")?), 2)
        }
        other => bail!("--database must be sqlite or postgres, not {other}"),
    };
    let url = match &database {
        Some(database) => database.url().to_owned(),
        None => format!("sqlite://{}", folder.path().join("soak.db").display()),
    };
    let servers = Servers::new(plan.program.clone(), folder.path(), &url, upstream.base_url(), instances);
    servers.start_all().await?;

    let history = Arc::new(History::default());
    let mut seeds = StdRng::seed_from_u64(plan.seed);
    let (end_of_load, end_of_faults) = (CancellationToken::new(), CancellationToken::new());
    let client = servers.client()?;
    let conversations = (0..plan.sessions).map(|number| {
        let rng = StdRng::seed_from_u64(seeds.random());
        let conversation = workload::Conversation::new(
            number,
            client.clone(),
            Arc::clone(&servers),
            Arc::clone(&history),
            rng,
        );
        conversation.run(end_of_load.clone())
    });
    let mut conversations = pin!(join_all(conversations));
    let fault_tasks = TaskTracker::new();
    let rng = StdRng::seed_from_u64(plan.seed.wrapping_add(1));
    fault_tasks.spawn(faults::inject(
        Arc::clone(&servers),
        Arc::clone(&upstream),
        Arc::clone(&history),
        rng,
        end_of_faults.clone(),
    ));
    fault_tasks.close();
    let schedule = async {
        tokio::time::sleep(Duration::from_secs(plan.minutes * 60)).await;
        // The faults end before the load, so that the last answers can be read.
        end_of_faults.cancel();
        fault_tasks.wait().await;
        upstream.recover();
        let started = servers.start_all().await;
        end_of_load.cancel();
        started
    };
    tokio::select! {
        started = schedule => started?,
        _ = &mut conversations => bail!("the sessions ended early"),
    }
    if tokio::time::timeout(SETTLE_TIMEOUT, conversations).await.is_err() {
        history.fault("stuck", "running turns did not end");
    }
    checker::check(&servers, &client, &history).await?;
    servers.stop_all(&history).await;
    checker::verify(&servers, &history)?;
    checker::read_logs(folder.path(), &history)?;
    let report = history.report(format!("soak {} {} min seed {}", plan.database, plan.minutes, plan.seed));
    if !report.is_clean() {
        // Logs and database are kept for the analysis.
        let kept = folder.keep();
        print_folder(&kept);
    }
    drop(database);
    Ok(report)
}

#[expect(clippy::print_stderr, reason = "the folder is part of the output of the program")]
fn print_folder(folder: &std::path::Path) {
    eprintln!("the logs and files of the soak test are kept in {}", folder.display());
}
