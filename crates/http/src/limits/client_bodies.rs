//! The memory of bodies that hold whole conversations, over all requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Code, Problem};

/// Bodies of the maximum size that fit into the memory of all bodies.
const MAX_BODIES: usize = 8;
/// Unit in which the memory is counted.
const UNIT_BYTES: usize = 1024;
/// Time that a body waits for memory.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Memory of all bodies that are being read or sent on.
#[derive(Debug)]
pub(crate) struct ClientBodies {
    units: Arc<Semaphore>,
    max_body_bytes: usize,
}

impl ClientBodies {
    pub(crate) fn new(max_body_bytes: usize) -> Self {
        let units = (max_body_bytes.div_ceil(UNIT_BYTES) * MAX_BODIES).clamp(1, Semaphore::MAX_PERMITS);
        ClientBodies { units: Arc::new(Semaphore::new(units)), max_body_bytes }
    }

    /// Returns the maximum size of a body.
    pub(crate) fn max_body_bytes(&self) -> usize {
        self.max_body_bytes
    }

    /// Takes the memory of a body; waits until there is some.
    ///
    /// # Errors
    /// `rate_limited`
    pub(crate) async fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let count = u32::try_from(bytes.div_ceil(UNIT_BYTES).max(1)).unwrap_or(u32::MAX);
        match tokio::time::timeout(MAX_WAIT, Arc::clone(&self.units).acquire_many_owned(count)).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Problem::new(Code::RateLimited, "too many large bodies are being processed")
                .retry_after(Duration::from_secs(2))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bodies_share_their_memory() {
        let bodies = ClientBodies::new(2 * UNIT_BYTES);
        let take = |bytes| bodies.take(bytes);
        let mut taken = Vec::new();
        for _ in 0..MAX_BODIES {
            taken.push(take(2 * UNIT_BYTES).await.unwrap());
        }
        assert_eq!(take(1).await.unwrap_err().code, Code::RateLimited);
        taken.pop();
        assert!(take(1).await.is_ok());
    }
}
