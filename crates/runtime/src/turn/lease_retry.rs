//! Steps of the ledger that a turn cannot do without: tried again while the store fails, but not for ever.

use std::time::Duration;

use causerie_domain::ports::{StoreError, TurnLedgerError};

use super::running::RunningTurn;
use crate::core::clock::monotonic;

/// The first pause before a step is tried again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Takes a step as often as it needs, as long as the lease lasts that the turn has now.
///
/// A lease that is renewed on the way gives no further time: a store that renews and takes nothing else would
/// be asked for ever. A turn that is late already gets one fair try. The step must bear repetition, since one
/// whose answer was lost is taken again.
///
/// # Errors
/// [`TurnLedgerError`]: the refusal, or the failure after which there was no time or no hope.
pub(crate) async fn retry_until_lease_expires<T, F>(
    turn: &RunningTurn,
    lease: Duration,
    step: impl Fn() -> F,
) -> Result<T, TurnLedgerError>
where
    F: Future<Output = Result<T, TurnLedgerError>>,
{
    let until = (turn.renewed_at() + lease).max(monotonic() + lease / 3);
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match tokio::time::timeout_at(until, step()).await {
            Ok(Err(TurnLedgerError::Store(error @ StoreError::Unavailable(_)))) => error,
            Ok(answer) => return answer,
            Err(late) => return Err(StoreError::Unavailable(late.into()).into()),
        };
        if monotonic() + pause >= until {
            return Err(error.into());
        }
        // The flusher tells of an outage for all turns together.
        tracing::debug!(turn = %turn.id(), %error, "a step of a turn could not be stored, will be tried again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
