//! Disturbances: servers that are killed, stopped and started again, and an upstream that fails for a moment.

use std::sync::Arc;
use std::time::Duration;

use causerie_simulator::{Fault, Simulator};
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use super::history::History;
use super::servers::Servers;

/// Disturbs until it is told to be still.
pub(super) async fn inject(
    servers: Arc<Servers>,
    upstream: Arc<Simulator>,
    history: Arc<History>,
    mut rng: StdRng,
    still: CancellationToken,
) {
    while !still.is_cancelled() {
        let calm = Duration::from_millis(rng.random_range(1000..5000));
        if still.run_until_cancelled(tokio::time::sleep(calm)).await.is_none() {
            return;
        }
        let number = rng.random_range(0..servers.count());
        match rng.random_range(0..10) {
            0..7 => {
                servers.kill(number);
                history.count("kill");
            }
            7 => match servers.stop(number).await {
                Ok(Some(0)) => history.count("stop"),
                other => {
                    history.fault("stuck", format!("server {number} was stopped and ended with {other:?}"))
                }
            },
            _ => {
                let faults = [
                    Fault::Status(500),
                    Fault::Dropped,
                    Fault::RateLimited { retry_after: Some(1) },
                    Fault::Scenario("sim/cut-mid-stream?after=2".to_owned()),
                ];
                let fault = faults[rng.random_range(0..faults.len())].clone();
                // The names above are the simulator's own.
                let _ = upstream.fail_all(fault);
                tokio::time::sleep(Duration::from_millis(rng.random_range(50..800))).await;
                upstream.recover();
                continue;
            }
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..1500))).await;
        if let Err(error) = servers.start(number).await {
            history.fault("stuck", format!("server {number} does not start again: {error:#}"));
        }
    }
}
