//! A transaction: the statements that one port method runs as a unit.

use std::any::Any;
use std::sync::Arc;

use causerie_domain::ports::StoreError;
use futures_util::future::BoxFuture;

use crate::error::{corrupt, unavailable};

/// The statements of a transaction. They may run more than once: a transaction that conflicts with another is repeated.
pub(crate) type Transaction<C, T, F> =
    Box<dyn for<'c> Fn(&'c mut C) -> BoxFuture<'c, Result<T, F>> + Send + Sync>;

/// Creates a transaction. Its runs share the input.
pub(crate) fn transaction<C, I, T, F>(
    input: I,
    statements: impl for<'c> Fn(&'c mut C, Arc<I>) -> BoxFuture<'c, Result<T, F>> + Send + Sync + 'static,
) -> Transaction<C, T, F>
where
    I: Send + Sync + 'static,
{
    let input = Arc::new(input);
    Box::new(move |conn| statements(conn, Arc::clone(&input)))
}

/// Result of a transaction with its type erased, so that channels, tasks and timeouts are compiled once and not once per
/// transaction.
pub(crate) type ErasedResult = Box<dyn Any + Send>;

/// Restores the type of a result.
pub(crate) fn restore_result<T: 'static, E: From<StoreError> + 'static>(
    result: ErasedResult,
) -> Result<T, E> {
    match result.downcast::<Result<T, E>>() {
        Ok(result) => *result,
        Err(_) => Err(E::from(corrupt("the result of a transaction has another type"))),
    }
}

/// The access and isolation that a transaction needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Statements that read, of which each can see another state of the store.
    Read,
    /// Several statements that read and must see one state of the store.
    Snapshot,
    /// Statements that write.
    Write,
    /// A write of a running turn, which runs before other waiting writes: a lease could expire in a queue behind the
    /// sends of a busy moment.
    PriorityWrite,
    /// A write whose size is that of an answer with large files. It takes its turn with other writes, and its statements have
    /// more time.
    LargeWrite,
    /// A write that decides on the absence of rows, which cannot be locked.
    Serializable,
}

impl Mode {
    /// Returns whether transactions of the mode can write.
    pub(crate) fn writes(self) -> bool {
        match self {
            Mode::Read | Mode::Snapshot => false,
            Mode::Write | Mode::PriorityWrite | Mode::LargeWrite | Mode::Serializable => true,
        }
    }
}

/// Returns the error of a transaction whose thread or task has ended.
pub(crate) fn store_closed() -> StoreError {
    unavailable("the store is closed")
}
