//! Ports to the environment of the process: time and random bytes.

use std::fmt::Debug;

use crate::Timestamp;

/// Wall clock.
pub trait Clock: Send + Sync + Debug {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// Source of cryptographically secure random bytes.
pub trait Entropy: Send + Sync + Debug {
    /// Fills a buffer with random bytes.
    ///
    /// # Errors
    /// [`NoEntropy`]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The operating system returned no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system returned no random bytes")]
pub struct NoEntropy;
