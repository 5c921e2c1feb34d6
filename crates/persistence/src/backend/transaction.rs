//! One step of business: the statements that a port method runs as a unit.

use std::sync::Arc;

use causerie_domain::ports::StoreError;
use futures_util::future::BoxFuture;

use crate::error::unavailable;

/// The statements of a step. They may run more than once: a transaction that lost against another is repeated.
pub(crate) type Step<C, T, F> = Box<dyn for<'c> Fn(&'c mut C) -> BoxFuture<'c, Result<T, F>> + Send + Sync>;

/// A step of these statements. The input is shared between its runs.
pub(crate) fn step<C, I, T, F>(
    input: I,
    statements: impl for<'c> Fn(&'c mut C, Arc<I>) -> BoxFuture<'c, Result<T, F>> + Send + Sync + 'static,
) -> Step<C, T, F>
where
    I: Send + Sync + 'static,
{
    let input = Arc::new(input);
    Box::new(move |conn| statements(conn, Arc::clone(&input)))
}

/// What a step needs around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One statement that reads.
    Read,
    /// Several statements that read and must see one state of the store.
    Snapshot,
    /// Statements that write, all or none of them.
    Write,
    /// The same, of a turn that runs: it goes before those that wait. A lease that had to queue behind the sends of
    /// a busy moment would run out there.
    Urgent,
    /// The same, for a decision about rows that do not exist yet, which nobody can lock.
    Serial,
}

/// The thread or the task that ran a step is gone.
pub(crate) fn abandoned() -> StoreError {
    unavailable("the store is closed")
}

/// Nobody could take a step on within the time its caller may wait.
pub(crate) fn overloaded() -> StoreError {
    unavailable("the store has no place for another caller")
}
