//! Faults: servers are killed, stopped and restarted, and the upstream fails for a short time.

use std::sync::Arc;
use std::time::Duration;

use causerie_simulator::{Fault, Simulator};
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use super::history::History;
use super::servers::Servers;

/// Injects random faults until the token is cancelled.
pub(super) async fn inject(
    servers: Arc<Servers>,
    upstream: Arc<Simulator>,
    history: Arc<History>,
    mut rng: StdRng,
    end: CancellationToken,
) {
    while !end.is_cancelled() {
        let pause = Duration::from_millis(rng.random_range(1000..5000));
        if end.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
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
                    history.fault("stuck", format!("server {number} exited with {other:?} after SIGTERM"))
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
                // An error means an unknown scenario; the one above exists.
                let _ = upstream.fail_all(fault);
                tokio::time::sleep(Duration::from_millis(rng.random_range(50..800))).await;
                upstream.recover();
                continue;
            }
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..1500))).await;
        if let Err(error) = servers.start(number).await {
            history.fault("stuck", format!("server {number} does not restart: {error:#}"));
        }
    }
}
