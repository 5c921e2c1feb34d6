//! Refusal of an open reader of a turn.

/// End of a reader before the end of its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReaderRefusal {
    /// The credential is no longer valid.
    Unauthenticated,
    /// The principal may no longer read the answer.
    Forbidden,
    /// The store could not decide for too long.
    Undecided,
}
