//! A soak: many conversations against real processes that are killed all the time, and a reckoning at the end.
//!
//! It keeps its own history of what was acknowledged, so that the store is not its own witness. The upstream is a
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

/// What the upstream does, one tool each. Most answers are whole: what is to be shown is that they stay so.
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
/// How long everybody has to come to rest after the last disturbance.
const REST: Duration = Duration::from_secs(60);

/// What to do, as it is given on the command line.
#[derive(Debug, Clone, clap::Parser)]
#[command(
    name = "soak",
    about = "Conversation to servers that are killed all the time, and see what is lost"
)]
pub struct Plan {
    /// For how long.
    #[arg(long, value_name = "MINUTES", default_value_t = 20)]
    minutes: u64,
    /// The database: sqlite (one process) or postgres (two).
    #[arg(long, default_value = "sqlite")]
    database: String,
    /// Where the random choices begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many conversations there are at the same time.
    #[arg(long, default_value_t = 24)]
    sessions: u64,
    /// The program `causerie`.
    #[arg(long, value_name = "PATH")]
    program: PathBuf,
}

/// Soaks, and says what was report.
///
/// # Errors
/// The soak itself could not be done.
pub async fn run(plan: Plan) -> Result<SoakReport> {
    // A client that is made without a provider panics. The one error is that there is one already.
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
        "postgres" => (Some(TestDatabase::postgres().await?.context("there is no PostgreSQL server")?), 2),
        other => bail!("the database is sqlite or postgres, not {other}"),
    };
    let url = match &database {
        Some(database) => database.url().to_owned(),
        None => format!("sqlite://{}", folder.path().join("soak.db").display()),
    };
    let servers = Servers::new(plan.program.clone(), folder.path(), &url, upstream.base_url(), instances);
    servers.start_all().await?;

    let history = Arc::new(History::default());
    let mut seeds = StdRng::seed_from_u64(plan.seed);
    let (over, still) = (CancellationToken::new(), CancellationToken::new());
    let client = servers.client()?;
    let talks = (0..plan.sessions).map(|number| {
        let rng = StdRng::seed_from_u64(seeds.random());
        let talk = workload::Conversation::new(
            number,
            client.clone(),
            Arc::clone(&servers),
            Arc::clone(&history),
            rng,
        );
        talk.go_on(over.clone())
    });
    let mut talks = pin!(join_all(talks));
    let faults_tasks = TaskTracker::new();
    let rng = StdRng::seed_from_u64(plan.seed.wrapping_add(1));
    faults_tasks.spawn(faults::inject(
        Arc::clone(&servers),
        Arc::clone(&upstream),
        Arc::clone(&history),
        rng,
        still.clone(),
    ));
    faults_tasks.close();
    let conduct = async {
        tokio::time::sleep(Duration::from_secs(plan.minutes * 60)).await;
        // First everything stays alive, then the last answers are read.
        still.cancel();
        faults_tasks.wait().await;
        upstream.recover();
        let started = servers.start_all().await;
        over.cancel();
        started
    };
    tokio::select! {
        conducted = conduct => conducted?,
        _ = &mut talks => bail!("the conversations ended by themselves"),
    }
    if tokio::time::timeout(REST, talks).await.is_err() {
        history.fault("stuck", "conversations did not come to rest");
    }
    checker::check(&servers, &client, &history).await?;
    servers.stop_all(&history).await;
    checker::verify(&servers, &history)?;
    checker::read_logs(folder.path(), &history)?;
    let report = history.report(format!("soak {} {} min seed {}", plan.database, plan.minutes, plan.seed));
    if !report.is_clean() {
        // What happened is in the logs and the database.
        let kept = folder.keep();
        print_kept_folder(&kept);
    }
    drop(database);
    Ok(report)
}

#[expect(clippy::print_stderr, reason = "its reader sits at the terminal")]
fn print_kept_folder(folder: &std::path::Path) {
    eprintln!("the logs and files of the soak are kept in {}", folder.display());
}
