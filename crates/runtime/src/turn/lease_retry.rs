//! Retries steps in the store that a turn or a completion cannot continue without, until its lease expires.

use std::time::Duration;

use causerie_domain::ports::{StoreError, TurnStoreError};
use tokio::time::Instant;

use crate::core::clock::monotonic;

/// Pause before the first retry; it doubles up to [`MAX_PAUSE`].
const INITIAL_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Repeats a step while the store is unavailable, until the lease that was renewed at `renewed_at` expires.
///
/// Renewals of the lease in the meantime do not extend the time: a store that accepts renewals and refuses all
/// other steps would be retried forever. The step gets at least a third of the lease, also if the lease has
/// expired. It must be idempotent, because a step whose response was lost is repeated.
///
/// # Errors
/// [`TurnStoreError`] of the last try.
pub(crate) async fn retry_until_lease_expires<T, F>(
    renewed_at: Instant,
    lease: Duration,
    step: impl Fn() -> F,
) -> Result<T, TurnStoreError>
where
    F: Future<Output = Result<T, TurnStoreError>>,
{
    let until = (renewed_at + lease).max(monotonic() + lease / 3);
    let mut pause = INITIAL_PAUSE;
    loop {
        let error = match tokio::time::timeout_at(until, step()).await {
            Ok(Err(TurnStoreError::Store(error @ StoreError::Unavailable(_)))) => error,
            Ok(result) => return result,
            Err(elapsed) => return Err(StoreError::Unavailable(elapsed.into()).into()),
        };
        if monotonic() + pause >= until {
            return Err(error.into());
        }
        // The flusher and the keeper of completions warn about an outage once for all.
        tracing::debug!(%error, "storing a step failed; retrying");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}
