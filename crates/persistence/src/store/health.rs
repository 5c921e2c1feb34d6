//! Health check: the store can serve if its backend runs, its migrations are those of this program, and it can be
//! written.

use std::time::Duration;

use causerie_domain::ports::{StoreError, StoreHealth, WriteFailure};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock::monotonic;
use crate::error::{causes, unavailable, write_failure};
use crate::migrations::known_versions;
use crate::store::{SqlStore, transact};

/// Minimum time between two writes of health checks.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// The last write of a health check. Calls within [`PROBE_INTERVAL`] get its result.
#[derive(Debug, Default)]
pub(super) struct WriteProbe(Mutex<Option<(Instant, Result<(), WriteFailure>)>>);

#[async_trait::async_trait]
impl StoreHealth for SqlStore {
    async fn check(&self) -> Result<(), StoreError> {
        self.check_backend()?;
        match transact!(self, Read, health::applied(()))? == known_versions() {
            true => Ok(()),
            false => Err(unavailable("the applied migrations differ from those of this program")),
        }
    }

    async fn check_writes(&self) -> Result<(), WriteFailure> {
        let mut last = self.probe.0.lock().await;
        if let Some((_, result)) = last.filter(|(at, _)| at.elapsed() < PROBE_INTERVAL) {
            return result;
        }
        let failed_before = last.and_then(|(_, result)| result.err());
        let written = self.write_probe().await;
        let result = written.as_ref().copied().map_err(write_failure);
        // The log has the start and the end of a failure, not each check of it.
        match (failed_before, &written) {
            (before, Err(error)) if before != result.err() => {
                let (cause, path) = (causes(error), self.path().map(|path| path.display().to_string()));
                tracing::error!(cause, path, "the database cannot be written, so the server is not ready");
            }
            (Some(_), Ok(())) => tracing::info!("the database can be written again"),
            _ => {}
        }
        *last = Some((monotonic(), result));
        result
    }
}

impl SqlStore {
    /// Writes to the database, and to the folder of its file.
    async fn write_probe(&self) -> Result<(), StoreError> {
        transact!(self, PriorityWrite, health::write(()))?;
        self.check_folder().await
    }
}
